//! The server's own network: sockets that are full, addresses that come and go.

mod addresses;
mod network;
mod sockets;
