// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `include/strongroom.h` says what the library says: compiled by the C compiler of the machine beside
//! the header of PKCS #11, name by name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use cryptoki_sys::CK_ULONG;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use strongroom::object::attribute;
use strongroom::vendor::*;

macro_rules! named {
    ($($name:ident)*) => { [$((stringify!($name), $name)),*] };
}

/// What the library has, by name.
fn known() -> BTreeMap<&'static str, CK_ULONG> {
    BTreeMap::from(named! {
        CKA_STRONGROOM_STATE CKA_STRONGROOM_STATE_SINCE CKA_STRONGROOM_STATE_BY
        CKA_STRONGROOM_STATE_REASON CKA_STRONGROOM_MADE CKA_STRONGROOM_OWNER CKA_STRONGROOM_PURPOSE
        CKA_STRONGROOM_ROTATION_PERIOD CKA_STRONGROOM_LABELS CKA_STRONGROOM_TOKEN_NONCES CKA_STRONGROOM_USED
        CKO_STRONGROOM_DESTROYED
        STRONGROOM_STATE_PRE_ACTIVE STRONGROOM_STATE_ACTIVE STRONGROOM_STATE_SUSPENDED
        STRONGROOM_STATE_DEACTIVATED STRONGROOM_STATE_COMPROMISED STRONGROOM_STATE_DESTROYED
    })
}

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The names that the header defines, but for its own two.
fn defined() -> Vec<String> {
    let text = std::fs::read_to_string(root("include/strongroom.h")).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("#define "));
    let names = names.map(|rest| rest.split(' ').next().unwrap().to_owned());
    names.filter(|name| !["STRONGROOM_H", "STRONGROOM_VENDOR"].contains(&name.as_str())).collect()
}

#[test]
fn what_the_table_of_attributes_shows_is_in_the_header() {
    let defined = defined();
    let shown = attribute::all().filter(|rule| !rule.has(attribute::INTERNAL));
    for rule in shown.filter(|rule| rule.name.contains("STRONGROOM")) {
        assert!(defined.iter().any(|name| name == rule.name), "{} is not published", rule.name);
        assert_eq!(known().get(rule.name), Some(&rule.id), "{}", rule.name);
    }
    let mut names: Vec<&str> = defined.iter().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, known().into_keys().collect::<Vec<_>>());
}

#[test]
fn a_compiler_reads_the_header_as_the_library_does() {
    let directory = tempfile::tempdir().unwrap();
    let (source, program) = (directory.path().join("print.c"), directory.path().join("print"));
    let lines: Vec<String> = defined()
        .iter()
        .map(|name| format!("    printf(\"{name} %lu\\n\", (unsigned long)({name}));\n"))
        .collect();
    let lines = lines.concat();
    let text = format!(
        "#include <stdio.h>\n#include <pkcs11.h>\n#include <strongroom.h>\n#include <strongroom.h>\n\
         static CK_ATTRIBUTE_TYPE state = CKA_STRONGROOM_STATE;\n\
         static CK_OBJECT_CLASS destroyed = CKO_STRONGROOM_DESTROYED;\n\
         int main(void) {{\n{lines}    return state != destroyed;\n}}\n"
    );
    std::fs::write(&source, text).unwrap();
    let compiled = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .arg(&source)
        .arg("-I")
        .arg(root("include"))
        .arg("-isystem")
        .arg(cryptoki())
        .output()
        .expect("a C compiler, which the build needs as well");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let printed = Command::new(&program).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let read: BTreeMap<&str, CK_ULONG> = printed
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, value)| (name, value.parse().unwrap()))
        .collect();
    assert_eq!(read, known());
}

/// The directory of the header of PKCS #11 that comes with the crate of its names.
fn cryptoki() -> PathBuf {
    // What other machines need beside is not here, perhaps.
    let version = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", host])
        .current_dir(root(""))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let manifest = packages.iter().find(|package| package["name"] == "cryptoki-sys").unwrap();
    let manifest = PathBuf::from(manifest["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().join("vendor")
}
