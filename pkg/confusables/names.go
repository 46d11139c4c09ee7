package confusables

import (
	"slices"
	"unicode/utf8"
)

// Names finds among many names those that a new one could be taken for, without comparing it with each. The zero value has none.
// It is not safe for concurrent use while names are added.
type Names struct {
	names []string
	by    map[string][]int // skeletons, whole, with one separator for all and with one character less, to positions in names
}

// NewNames returns an index of names.
func NewNames(names []string) *Names {
	n := &Names{}
	for _, name := range names {
		n.Add(name)
	}
	return n
}

// Add adds a name.
func (n *Names) Add(name string) {
	if n.by == nil {
		n.by = map[string][]int{}
	}
	for _, key := range neighbours(Skeleton(name)) {
		n.by[key] = append(n.by[key], len(n.names))
	}
	n.names = append(n.names, name)
}

// Near returns the first name that was added and that name could be taken for ([Near]), "" if there is none. A name is not near to itself.
func (n *Names) Near(name string) string {
	first := len(n.names)
	seen := map[int]bool{}
	for _, key := range neighbours(Skeleton(name)) {
		for _, i := range n.by[key] {
			if i >= first {
				break // they are in order
			}
			if seen[i] {
				continue
			}
			seen[i] = true
			if n.names[i] != name && Near(name, n.names[i]) {
				first = i
			}
		}
	}
	if first == len(n.names) {
		return ""
	}
	return n.names[first]
}

// neighbours are a skeleton, itself with one separator for all, and, if it is long enough to allow for a slip, what is left of it without
// each of its characters. Two skeletons that are near have one of these in common.
func neighbours(skeleton string) []string {
	if skeleton == "" {
		return nil
	}
	all := []string{skeleton}
	if one := separated(skeleton); one != skeleton {
		all = append(all, one)
	}
	if utf8.RuneCountInString(skeleton) < nearLength {
		return all
	}
	for i, r := range skeleton {
		all = append(all, skeleton[:i]+skeleton[i+utf8.RuneLen(r):])
	}
	slices.Sort(all[1:])
	return slices.Compact(all)
}
