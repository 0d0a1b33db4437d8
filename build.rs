// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Link options of the shared library, and the one profile in which its audit log can be switched off.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    refuse_the_switch();
    // Code of this library runs in thread destructors and fork handlers that the host cannot
    // take back, so it must stay mapped after dlclose.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // References inside the library bind to the library: a host's own libcrypto is never called.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-Bsymbolic");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,relro,-z,now");
}

/// What is installed is built in `release`, and must have no switch for its audit log.
fn refuse_the_switch() {
    let said = |name| std::env::var(name).unwrap_or_default();
    let switched = std::env::var_os("CARGO_FEATURE_AUDIT_SWITCH").is_some();
    // .../PROFILE/build/strongroom-HASH/out
    let out = std::path::PathBuf::from(said("OUT_DIR"));
    let profile = out.ancestors().nth(3).and_then(|folder| folder.file_name());
    if switched && said("PROFILE") == "release" && profile.is_none_or(|name| name != "measured") {
        println!(
            "cargo:error=the feature 'audit-switch' is for benchmarks: build with --profile measured"
        );
    }
}
