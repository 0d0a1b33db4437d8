// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The shared library that applications load: whether it is in one of the usual places, and whether
//! it can be loaded there.

use super::Finding;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Looks at every copy in the usual places.
pub(super) fn examine() -> Vec<Finding> {
    let mut found: Vec<PathBuf> = Vec::new();
    for path in places().into_iter().map(|place| place.join(NAME)).filter(|path| path.exists()) {
        let path = path.canonicalize().unwrap_or(path);
        if !found.contains(&path) {
            found.push(path);
        }
    }
    if found.is_empty() {
        return vec![Finding::warn(
            NAME,
            "is in none of the usual places",
            "install it beside this command or in /usr/lib/pkcs11, or give applications its full path",
        )];
    }
    found.iter().map(|path| loadable(path)).collect()
}

fn places() -> Vec<PathBuf> {
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let lib = beside.as_deref().and_then(Path::parent).map(|prefix| prefix.join("lib"));
    let mut places: Vec<PathBuf> = beside.into_iter().chain(lib).collect();
    for prefix in ["/usr/lib", "/usr/local/lib", "/usr/lib64"] {
        let triplet = format!("{prefix}/{}-linux-gnu", std::env::consts::ARCH);
        for directory in [prefix, triplet.as_str()] {
            places.push(PathBuf::from(directory));
            places.push(Path::new(directory).join("pkcs11"));
            places.push(Path::new(directory).join("strongroom"));
        }
    }
    places
}

/// Has the dynamic linker load it into another process, which says why where it cannot.
fn loadable(path: &Path) -> Finding {
    let topic = NAME;
    let shown = path.display().to_string();
    if shown.contains([' ', ':']) {
        let mend = "move it, if an application has trouble with that path";
        return Finding::warn(topic, format!("{shown}: a path with blanks or colons"), mend);
    }
    let Ok(command) = std::env::current_exe() else { return Finding::ok(topic, shown) };
    let tried = Command::new(command)
        .arg("--version")
        .env("LD_PRELOAD", path)
        .env_remove("STRONGROOM_LOG")
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() && output.stderr.is_empty() => {
            Finding::ok(topic, shown)
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
            let what = format!("{shown} cannot be loaded: {said}");
            Finding::fail(topic, what, "build or install it anew for this machine")
        }
        Err(error) => Finding::warn(
            topic,
            format!("{shown}: not tried ({error})"),
            "try it with pkcs11-tool -I",
        ),
    }
}

const NAME: &str = "libstrongroom.so";
