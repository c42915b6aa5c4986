//! Networks that the tests make of namespaces: peers behind NATs, and viewers over bad links. They need Linux and root.

mod link;
mod nat;
