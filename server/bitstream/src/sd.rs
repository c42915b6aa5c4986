//! Which video is SD.

/// True for SD: players take it for BT.601 where it names no matrix, and all other sizes for BT.709. A wide film in HD has
/// fewer lines than 720.
pub fn is_sd(width: u32, height: u32) -> bool {
    width < 1280 && height < 720
}
