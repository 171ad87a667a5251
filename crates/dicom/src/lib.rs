//! DICOM bytes, safely: bounded head scanner, guarded data sets, Part 10, status codes.
