// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Pages of `docs/` that are made from the library's own tables. A test makes the page and compares;
//! with `UPDATE_DOCS=1` in the environment it writes the page instead.

use std::path::Path;

/// Compares a page with what was made, or writes it.
#[track_caller]
pub fn check(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, made).expect("the page");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(made.lines()).find(|(kept, made)| kept != made);
    assert!(
        kept == made,
        "docs/{name} is out of date: run the tests with UPDATE_DOCS=1\nfirst difference: {differs:?}"
    );
}

/// A table: the head, then the rows.
pub fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let line = |cells: &[String; N]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&head.map(str::to_owned));
    text.push_str(&line(&[(); N].map(|()| "---".to_owned())));
    rows.iter().for_each(|row| text.push_str(&line(row)));
    text
}
