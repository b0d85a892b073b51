package flows

// recent remembers what was made of some bytes, in two generations: when the
// young one has grown to half of the bound the old one is forgotten. What is
// asked for again and again stays.
type recent[V any] struct {
	young, old map[string]V
	bytes, max int // of the keys in young; of both
}

// maxRecentBytes bounds the keys of one such memory.
const maxRecentBytes = 32 << 20

// recentCost is about what an entry costs besides its key.
const recentCost = 64

func newRecent[V any](most int) *recent[V] {
	return &recent[V]{young: map[string]V{}, max: most}
}

func (r *recent[V]) get(key []byte) (v V, ok bool) {
	if v, ok = r.young[string(key)]; ok || len(r.old) == 0 {
		return v, ok
	}
	if v, ok = r.old[string(key)]; ok {
		r.put(key, v)
	}
	return v, ok
}

func (r *recent[V]) put(key []byte, v V) {
	if r.bytes += len(key) + recentCost; r.bytes > r.max/2 {
		r.old, r.young = r.young, map[string]V{}
		r.bytes = len(key) + recentCost
	}
	r.young[string(key)] = v
}

// forget forgets everything.
func (r *recent[V]) forget() {
	r.young, r.old, r.bytes = map[string]V{}, nil, 0
}
