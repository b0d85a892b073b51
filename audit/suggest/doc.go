// Package suggest works out the smallest change of policy that closes what a
// finding tells of: an allow that is missing, a default deny, a rule that says
// something else than was meant, or one that allows more than was used.
//
// # Design
//
// Nothing is suggested that was not tried. Each change is applied to the
// inventory, the policies are compiled again ([policy.Engine.With]), and both
// engines are asked the same questions: every observed connection of the
// namespace, and everybody whom the changed policy is about against every
// workload, on every port seen there and one that was not. The gap must be
// closed, nothing that was carried may break, and what opens beyond the gap
// makes a tighter change be tried, or none be made. All that opens is listed.
//
// What can't be proven is not suggested; [Plan] says why.
//
// A file is edited as text, at the places that change, so that comments,
// order and indentation stay. What was written is read again: unless it declares
// exactly what was proven, the file is left alone.
package suggest
