package confusables

// Names finds among many names those that a new one could be taken for, without comparing it with each. The zero value has none.
// It is not safe for concurrent use.
type Names struct {
	names     []string
	skeletons []string         // of names
	by        map[uint64][]int // neighbours of skeletons to positions in names
	seen      []int            // the look-up that last met each name
	lookups   int
	compared  int // how many pairs of names were compared, for the tests
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
		n.by = map[uint64][]int{}
	}
	skeleton := Skeleton(name)
	for _, key := range neighbours(skeleton) {
		n.by[key] = append(n.by[key], len(n.names))
	}
	n.names, n.skeletons, n.seen = append(n.names, name), append(n.skeletons, skeleton), append(n.seen, 0)
}

// Near returns the first name that was added and that name could be taken for ([Near]), "" if there is none. A name is not near to itself.
func (n *Names) Near(name string) string {
	first := len(n.names)
	n.lookups++
	skeleton := Skeleton(name)
	for _, key := range neighbours(skeleton) {
		for _, i := range n.by[key] {
			if i >= first {
				break // they are in order
			}
			if n.seen[i] == n.lookups {
				continue
			}
			n.seen[i] = n.lookups
			n.compared++
			if n.names[i] != name && near(name, n.names[i], skeleton, n.skeletons[i]) {
				first = i
			}
		}
	}
	if first == len(n.names) {
		return ""
	}
	return n.names[first]
}

// neighbours are the hashes of a skeleton, of itself with one separator for all, and, if it is long enough to allow for a slip, of what
// is left of it without each of its characters. Two skeletons that are near have one of these in common; others seldom do, and are
// compared in vain.
func neighbours(skeleton string) []uint64 {
	if skeleton == "" {
		return nil
	}
	whole, count := sum(skeleton)
	all := make([]uint64, 1, 2+count)
	all[0] = whole
	if one := separated(skeleton); one != skeleton {
		other, _ := sum(one)
		all = append(all, other)
	}
	if count < nearLength {
		return all
	}
	power := uint64(1) // of what follows a character
	for range count - 1 {
		power *= base
	}
	before, after := uint64(0), whole
	for _, r := range skeleton {
		after -= (uint64(r) + 1) * power
		power *= inverse
		if without := before*power*base + after; without != all[len(all)-1] {
			all = append(all, without)
		}
		before = before*base + uint64(r) + 1
	}
	return all
}

// sum is the hash of a text, and how many characters it has: the sum of each character times a power of base, which falls from the first
// to the last.
func sum(s string) (hash uint64, count int) {
	for _, r := range s {
		hash, count = hash*base+uint64(r)+1, count+1
	}
	return hash, count
}

// base is odd, so that it has an inverse among the 64-bit numbers.
const (
	base    = 0x9E3779B97F4A7C15
	inverse = 0xF1DE83E19937733D
)
