//! HL7 v2: lossless messages, paths, escapes, builder, acknowledgement and MLLP.
