package hub

// TestOwn are the own tools of the hubs in these tests. They stand above this package, so its external tests set them.
var TestOwn OwnTools
