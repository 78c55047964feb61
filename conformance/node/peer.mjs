// Drives the released @clerk/backend: one JSON request a line on standard input, one JSON answer a line on standard
// output. It is started in the folder that has node_modules, from where the client is loaded.
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const { createClerkClient, verifyToken } = createRequire(join(process.cwd(), "package.json"))("@clerk/backend");

function failure(error) {
  const { name, message, reason, status, errors, clerkTraceId, retryAfter } = error;
  return { name, message, reason, status, errors, clerkTraceId, retryAfter };
}

async function authenticate(client, { url, method, headers, options, toAuth, has }) {
  const state = await client.authenticateRequest(new Request(url, { method, headers }), options);
  // A handshake has no auth object.
  const auth = state.status === "handshake" ? null : state.toAuth(toAuth);
  return {
    status: state.status,
    reason: state.reason,
    isSignedIn: state.isSignedIn,
    headers: [...state.headers],
    auth,
    has: (has ?? []).map((question) => auth.has(question)),
  };
}

async function answer({ client: settings, call, args }) {
  if (call === "verifyToken") return verifyToken(...args);
  const client = createClerkClient({ ...settings, telemetry: { disabled: true } });
  if (call === "authenticateRequest") return authenticate(client, ...args);
  const [api, method] = call.split(".");
  return client[api][method](...args);
}

for await (const line of createInterface({ input: process.stdin })) {
  let result;
  try {
    result = { value: (await answer(JSON.parse(line))) ?? null };
  } catch (error) {
    result = { error: failure(error) };
  }
  process.stdout.write(JSON.stringify(result) + "\n");
}
