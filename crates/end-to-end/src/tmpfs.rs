//! A small disk for a server: a tmpfs in a mount namespace of the server's own, gone with its process.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The words before a command that let it find an empty disk of this size at `folder`.
pub(crate) fn launcher(folder: &Path, bytes: u64) -> Vec<String> {
    let mount = format!(r#"mount -t tmpfs -o size={bytes} tmpfs '{}' && exec "$@""#, folder.display());
    let words = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<Vec<_>>();
    // As root, or as somebody who may be root in a namespace.
    for unshare in [&["unshare", "--mount"][..], &["unshare", "--mount", "--map-root-user"]] {
        let launcher = [words(unshare), words(&["sh", "-c", &mount, "sh"])].concat();
        let tried = Command::new(&launcher[0]).args(&launcher[1..]).arg("true").output();
        if tried.is_ok_and(|output| output.status.success()) {
            return launcher;
        }
    }
    panic!(
        "no tmpfs can be mounted here: this test wants root, or user namespaces (`unshare --mount --map-root-user`)"
    )
}

/// Where the others find what a process sees at `path`.
pub(crate) fn seen_from_outside(pid: u32, path: &Path) -> PathBuf {
    Path::new(&format!("/proc/{pid}/root")).join(path.strip_prefix("/").unwrap())
}
