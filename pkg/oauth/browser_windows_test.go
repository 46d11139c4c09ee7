package oauth

import "os"

// session stands for the process group, which Windows does not tell.
func session() int { return os.Getpid() }
