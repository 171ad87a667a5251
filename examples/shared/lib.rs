//! Parts that several example programs share.
