package transport

// ShimArg is the first argument that makes this program a shim on other systems. On Windows a job object does its work.
const ShimArg = "__mcpproxy-shim"

// RunShim does nothing on Windows.
func RunShim() {}
