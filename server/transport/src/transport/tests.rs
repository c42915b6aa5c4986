//! A connection with str0m at the other end, in simulated time.

mod connecting;
mod ending;
mod keeping_alive;
mod moving;
mod pair;
mod patient_dtls;
