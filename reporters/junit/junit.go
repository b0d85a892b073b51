// Package junit writes a report as JUnit XML, which every CI system shows: each
// finding that somebody must act on is a test case that failed.
//
// # Design
//
// There is no standard, so the document keeps to what Jenkins and GitLab both
// read: suites of cases with one failure or a reason why they were skipped. There
// is a suite for each namespace and rule. A case is known by its suite and name,
// and GitLab shows only one of those that have the same, so a name holds all that
// tells findings apart, and nothing that changes from run to run.
//
// What is accepted is skipped, with the reason, and so is what is only for
// information: CI systems know no word between failed and passed, and a failed
// case turns a pipeline red that --fail-on lets pass. The suite coverage says how
// many there are of either. What was proven has passed. The
// suite coverage has a case for each rule: it is skipped where the rule was not
// applied or withheld something, so that what was not seen is never green.
package junit

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A Reporter writes each report as a document to W.
type Reporter struct{ W io.Writer }

// Report writes the whole document at once.
func (j Reporter) Report(_ context.Context, r *audit.Report) error {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", "  ")
	if err := e.Encode(render(r)); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	b.WriteByte('\n')
	if _, err := j.W.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	return nil
}

type document struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Time     string   `xml:"time,attr"`
	Suites   []*suite `xml:"testsuite"`
}

type suite struct {
	Name       string     `xml:"name,attr"`
	Tests      int        `xml:"tests,attr"`
	Failures   int        `xml:"failures,attr"`
	Errors     int        `xml:"errors,attr"`
	Skipped    int        `xml:"skipped,attr"`
	Time       string     `xml:"time,attr"`
	Timestamp  string     `xml:"timestamp,attr,omitempty"`
	Properties *[]setting `xml:"properties>property,omitempty"`
	Cases      []testcase `xml:"testcase"`
	Out        *output    `xml:"system-out"`

	names map[string]int
}

type setting struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type testcase struct {
	Name    string   `xml:"name,attr"`
	Class   string   `xml:"classname,attr"`
	File    string   `xml:"file,attr,omitempty"`
	Time    string   `xml:"time,attr"`
	Failure *outcome `xml:"failure,omitempty"`
	Skipped *outcome `xml:"skipped,omitempty"`
	Out     *output  `xml:"system-out"`
}

type outcome struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",cdata"`
}

// output is text as it is, so that a person can read the document too. It must
// be clean.
type output struct {
	Text string `xml:",cdata"`
}

// noTime is how long a case took: nobody measured.
const noTime = "0"

// add counts a case. Two of one name would be shown as one, so the second says
// that it is.
func (s *suite) add(c testcase) {
	c.Time = noTime
	if s.names == nil {
		s.names = map[string]int{}
	}
	s.names[c.Name]++
	if n := s.names[c.Name]; n > 1 {
		c.Name = fmt.Sprintf("%s (%d)", c.Name, n)
	}
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

func (d *document) add(s *suite) {
	s.Time = noTime
	d.Tests += s.Tests
	d.Failures += s.Failures
	d.Skipped += s.Skipped
	d.Suites = append(d.Suites, s)
}

// lines joins what is not empty.
func lines(ls []string) string {
	var b strings.Builder
	for _, l := range ls {
		if l != "" {
			b.WriteString(l + "\n")
		}
	}
	return b.String()
}
