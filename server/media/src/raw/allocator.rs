//! glibc's allocator, from which FFmpeg takes its frames: it is told to give back what decoders and encoders have freed.

/// Blocks of at least this many bytes, frames for example, are mapped one by one, and given back to the system when they are freed. It is the default value, but
/// glibc raises it to the size of each larger block that is freed, up to 32 MB, until a program sets it (mallopt(3), M_MMAP_THRESHOLD). Frames are then parts of arenas, which
/// keep them.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MMAP_THRESHOLD: i32 = 128 * 1024;

/// Keeps the size from which on blocks are mapped one by one.
pub(crate) fn pin_mmap_threshold() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes the lock of the main arena and writes two numbers, which free(3) changes in the same way, and other threads read as they are. No block in use changes.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD);
    }
}

/// Gives free pages of all arenas back to the system (malloc_trim(3)). It takes some milliseconds, during which other threads wait for their arena: for the end of a rendition or a
/// source, on its own thread.
pub fn release_free_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim(3) is thread-safe, and touches free blocks only.
    unsafe {
        libc::malloc_trim(0);
    }
}
