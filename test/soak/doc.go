// Package soak runs the daemon for long, against real servers, and watches what
// it uses. It is not part of CI: see the README one folder up.
package soak
