//! Long proofs run as programs: interop, crash, memory.
