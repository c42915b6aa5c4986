//! The DTLS handshake of one connection (RFC 5763, RFC 5764).
