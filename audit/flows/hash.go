package flows

import "net/netip"

// A sum is a running 64-bit FNV-1a hash. Unlike hash/maphash it is the same in
// every process: it decides what is kept where a cap is reached, and collectors
// on different nodes must decide alike.
type sum uint64

const (
	emptySum sum = 14695981039346656037
	prime    sum = 1099511628211
)

// text adds a string and its end, so that "ab","c" differs from "a","bc".
func (h sum) text(s string) sum {
	for i := range len(s) {
		h = (h ^ sum(s[i])) * prime
	}
	return (h ^ 0xff) * prime
}

func (h sum) number(n uint64) sum {
	for range 8 {
		h = (h ^ sum(n&0xff)) * prime
		n >>= 8
	}
	return h
}

func (h sum) address(a netip.Addr) sum {
	if !a.IsValid() {
		return h.number(0)
	}
	for _, b := range a.As16() {
		h = (h ^ sum(b)) * prime
	}
	return h
}

// mixed spreads the bits (splitmix64), so that hashes can be compared as if
// they were random numbers.
func (h sum) mixed() uint64 {
	x := uint64(h)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
