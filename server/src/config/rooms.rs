//! Flags of rooms.

use std::collections::HashMap;

use room::name;
use shared::signaling::RoomPassword;

/// Passwords of rooms.
#[derive(Clone, Debug, clap::Args)]
pub struct RoomFlags {
    /// A room that is entered with this password only; may be given several times. Without it the first person in a room decides whether
    /// it has a password. Example: --room-password "board=$PASSWORD"
    #[arg(
        long = "room-password",
        value_name = "ROOM=PASSWORD",
        value_parser = room_password
    )]
    passwords: Vec<(String, RoomPassword)>,
}

impl RoomFlags {
    /// By the name of the room.
    pub fn passwords(&self) -> HashMap<String, RoomPassword> {
        self.passwords.iter().cloned().collect()
    }
}

fn room_password(argument: &str) -> Result<(String, RoomPassword), String> {
    let (room, password) = argument
        .split_once('=')
        .ok_or("write it as ROOM=PASSWORD")?;
    let room = name::of_room(room).map_err(|refusal| refusal.sentence)?;
    Ok((room, password.to_owned().try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_and_its_password_are_separated_by_the_first_sign() {
        let (room, password) = room_password(" board =a=b").unwrap();
        assert_eq!(room, "board");
        assert_eq!(Some(password), RoomPassword::typed("a=b").unwrap());
        for wrong in ["board", "board=", "=secret", "  =secret"] {
            assert!(room_password(wrong).is_err(), "{wrong}");
        }
    }
}
