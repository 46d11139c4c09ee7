package scan

import "strings"

// literal is what a word is about that is no word: a path, an address, the name of a variable.
func literal(word string) concept {
	if len(word) < 3 {
		return 0
	}
	switch {
	case !strings.ContainsAny(word, "./_-\\~:$@+=") && digits(word) == 0: // a plain word
		return plainSettings[word]
	case sensitivePath(word), dotFile(word), strings.HasSuffix(word, ".pem"):
		return path
	case settingsFile(word):
		return setting
	case secretName(word):
		return secret
	case strings.Contains(word, "://"), strings.HasPrefix(word, "www."):
		return address
	case strings.HasPrefix(word, "/tmp/"), strings.HasPrefix(word, "/dev/tcp"), strings.HasPrefix(word, "/var/tmp/"):
		return address
	case strings.IndexByte(word, '@') > 0 && strings.IndexByte(word[strings.IndexByte(word, '@'):], '.') > 0 && !strings.Contains(word, "/"):
		return address
	case word[0] == '+' && digits(word[1:]) >= 8:
		return address
	case digits(word) >= 4 && len(word) >= 8 && word[0] >= 'a' && word[0] <= 'z' && word[1] >= 'a' && word[1] <= 'z' && digits(word[:4]) == 2: // an IBAN, or made to look like one
		return address
	case strings.HasPrefix(word, "0x") && len(word) == 42:
		return address
	case len(word) == 4 && digits(word[:2]) == 0 && digits(word[2:]) == 2 && plainASCII(word) && letter(word[0]) && letter(word[1]): // an IBAN in groups
		return address
	case domain(word):
		return address
	case strings.HasPrefix(word, "~/"):
		return personal
	}
	return 0
}

// dotFile tells whether a word is a hidden file of a home directory itself, or one within a hidden directory whose name speaks of secrets.
// Other such directories hold what a program keeps for itself: ~/.cache/tool.
func dotFile(word string) bool {
	_, below, found := strings.Cut(word, "~/.")
	if !found {
		return false
	}
	_, file, within := strings.Cut(below, "/")
	if !within {
		return true
	}
	for _, part := range []string{"cred", "token", "secret", "key", "pass", "cookie", "auth", "login", "history"} {
		if strings.Contains(file, part) {
			return true
		}
	}
	return false
}

// plainSettings are those of agentFiles that are plain words.
var plainSettings = map[string]concept{"crontab": setting, "launchagents": setting, "sudoers": setting, "autostart": setting, "autoapprove": setting, "autorun": setting,
	"dangerouslyskippermissions": setting}

// domain tells whether a word is the name of a host, under the domains that most have.
func domain(word string) bool {
	host, _, _ := strings.Cut(word, ":")
	i := strings.LastIndexByte(host, '.')
	if i < 1 || strings.ContainsAny(host, "/()[]{}_") {
		return false
	}
	switch host[i+1:] {
	case "com", "net", "org", "info", "biz", "xyz", "top", "site", "online", "ru", "cn", "example", "test", "invalid", "app", "dev", "cloud":
		return true
	}
	return false
}

// secretName tells whether a word is the name of a variable that holds a secret: OPENAI_API_KEY, $GITHUB_TOKEN.
func secretName(word string) bool {
	_, last, found := strings.Cut(word[max(0, strings.LastIndexByte(word, '_')-1):], "_")
	switch last {
	case "key", "token", "secret", "password", "credentials", "keys", "tokens":
		return found && strings.Count(word, "_") >= 1
	}
	return false
}

func digits(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}

// sensitivePath tells whether a word is the path of what a person keeps to themselves: keys, tokens, histories.
func sensitivePath(word string) bool {
	for _, part := range secretFiles {
		if i := strings.Index(word, part); i >= 0 {
			after := word[i+len(part):]
			if (i == 0 || strings.IndexByte("/~\\$`'\"=:@.", word[i-1]) >= 0) && (after == "" || !letter(after[0])) {
				return true
			}
		}
	}
	return false
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

var secretFiles = []string{".ssh", "id_rsa", "id_ed25519", "id_ecdsa", "id_dsa", ".aws", ".env", ".env.local", ".env.production", ".npmrc", ".pypirc", ".netrc", ".git-credentials", ".gitconfig", ".kube", ".docker/config.json",
	".gnupg", ".pgpass", ".my.cnf", ".bash_history", ".zsh_history", "etc/passwd", "etc/shadow", "proc/self/environ", "login data", "cookies.sqlite", "key4.db", "wallet.dat", ".config/gcloud",
	"application_default_credentials.json", ".azure", "credentials.json", "credentials.csv", "secrets.yaml", "secrets.yml", "secrets.json", "service-account.json", ".vault-token", ".terraform.d", ".htpasswd", "aws/credentials", "private.pem", "private_key.pem", "authorized_keys"}

// settingsFile tells whether a word is a file that decides what an agent or a shell does.
func settingsFile(word string) bool {
	for _, part := range agentFiles {
		if i := strings.Index(word, part); i >= 0 && (i == 0 || !letter(word[i-1])) && (len(word) == i+len(part) || !letter(word[i+len(part)])) {
			return true
		}
	}
	return false
}

var agentFiles = []string{"mcp.json", ".mcp.json", "mcp_config.json", "claude_desktop_config.json", "settings.json", "settings.local.json", ".cursorrules", ".cursor/rules", "claude.md", "agents.md", "gemini.md", "copilot-instructions.md",
	".windsurfrules", ".clinerules", ".bashrc", ".zshrc", ".bash_profile", ".profile", "crontab", "/etc/cron.d", "authorized_keys", "launchagents", ".git/hooks", "sudoers", "autostart", ".zprofile", ".mdc", "permissions.allow", "dangerouslyskippermissions", "--yolo", "--dangerously-skip-permissions", "autoapprove", "autorun", "auto-run", "/etc/hosts", ".npmrc", ".gitconfig", "https_proxy", "http_proxy", "_base_url", "pre-commit", "post-commit", "pre-push", ".claude", ".cursor", ".vscode"}
