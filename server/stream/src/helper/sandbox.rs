//! What the helper gives up before it reads the first file: FFmpeg parses in it what strangers have made.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Bytes of memory; FFmpeg asks for what the header of a file names.
const MAX_MEMORY: u64 = 4 << 30;

/// Confines this thread, and those that it starts. What the kernel does not have is left out.
pub(super) fn enter() {
    let limit = |bytes| Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    // Errors leave the helper as it was: it still is a process of its own.
    let _ = setrlimit(Resource::As, limit(MAX_MEMORY));
    let _ = setrlimit(Resource::Core, limit(0));
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::thread::set_no_new_privs(true);
        let _ = may_only_read_files();
    }
}

/// Files can be read, wherever a folder's links lead, and nothing be listed, written, run or connected to (landlock(7)).
#[cfg(target_os = "linux")]
fn may_only_read_files() -> Result<(), landlock::RulesetError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr,
        RulesetCreatedAttr, Scope,
    };
    let newest = ABI::V6;
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(newest))?
        .handle_access(AccessNet::from_all(newest))?
        .scope(Scope::from_all(newest))?
        .create()?;
    let ruleset = match PathFd::new("/") {
        Ok(root) => ruleset.add_rule(PathBeneath::new(root, AccessFs::ReadFile))?,
        Err(_) => return Ok(()),
    };
    ruleset.restrict_self()?;
    Ok(())
}
