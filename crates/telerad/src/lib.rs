//! Integration layer for teleradiology: studies out, reports back, worklist between.
