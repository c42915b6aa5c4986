//! The messages of a room, as one peer holds them. Pure.
