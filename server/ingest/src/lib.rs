//! From RTP packets of a publisher to access units (pure).
