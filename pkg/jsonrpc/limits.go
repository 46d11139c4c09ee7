package jsonrpc

// Limits of what one peer may take of our memory and of the patience of others. They are checked where the memory is taken.
const (
	// MaxMessage is the most bytes of one message. A larger one costs only itself.
	MaxMessage = 64 << 20
	// MaxBatch is the most messages in a batch. One of two bytes takes twenty times that to be told from others.
	MaxBatch = 10_000
	// MaxDepth is how many levels a message may have. The JSON parser of the Rust SDK reads no more, and one message that it does not read
	// ends its session; Python's SDK reads 200, Python itself a thousand.
	MaxDepth = 127
	// maxNumber is the most characters of a number: Python reads no more digits.
	maxNumber = 4300

	// MaxList is the most bytes of all pages of one list, MaxItems the most items in it, and MaxPages the most pages. It is cut there.
	MaxList  = 64 << 20
	MaxItems = 100_000
	MaxPages = 1000

	// MaxUnread is the most bytes of what one server says unasked that stand in a client's queue: who is answered next waits for no more.
	MaxUnread = 256 << 10
	// MaxNote is the most bytes of one notification of a server.
	MaxNote = 1 << 20

	// MaxItem is the most bytes of an item of a list, or of another definition.
	MaxItem = 1 << 20
	// MaxNodes is the most values and keys in it: decoded, each takes far more memory than written.
	MaxNodes = 100_000
	// maxItemDepth leaves room for the levels of a list around an item.
	maxItemDepth = MaxDepth - 7
	// MaxName is the most bytes of what identifies an item, or of a cursor.
	MaxName = 64 << 10
)
