// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Link options of the shared library.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Code of this library runs in thread destructors and fork handlers that the host cannot
    // take back, so it must stay mapped after dlclose.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // References inside the library bind to the library: a host's own libcrypto is never called.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-Bsymbolic");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,relro,-z,now");
}
