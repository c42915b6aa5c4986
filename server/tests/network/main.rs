//! Networks that the tests make of namespaces: peers behind NATs, viewers over bad links, and the server's own sockets and addresses. They need Linux and root.

mod lan;
mod link;
mod nat;
mod server;
