"""Behind `Tenants`: which there are, which of them a request is for, and work on many of them."""
