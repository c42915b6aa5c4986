//! The agent against a peer that these tests play, with the messages of another implementation (str0m's), and against its agent.

mod abuse;
mod checks;
mod codec;
mod consent;
mod lite_peer;
mod peer;
mod restarts;
mod scripts;
mod selecting;
mod third_party;
