//! The ICE agent of one connection, the controlled side only (RFC 8445).
