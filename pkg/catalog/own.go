package catalog

// Names of the proxy's own tools.
const (
	ServersTool     = "upstream_servers"
	ReviewTool      = "quarantine_review"
	ApproveTool     = "quarantine_approve"
	RejectTool      = "quarantine_reject"
	LoginTool       = "oauth_login"
	LoginStatusTool = "oauth_status"
	LogoutTool      = "oauth_logout"
)

// OwnTools are the names of all own tools: no server can have one that looks like them.
var OwnTools = []string{ServersTool, ReviewTool, ApproveTool, RejectTool, LoginTool, LoginStatusTool, LogoutTool}
