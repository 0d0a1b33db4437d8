// SPDX-License-Identifier: Apache-2.0 OR MIT
//! OPEN: PKCS #11 v3.2, C_Encrypt and its like: "always terminates the active operation unless it
//! returns CKR_BUFFER_TOO_SMALL" or is a length query. CKR_HOST_MEMORY from `Out::input` does not.

use crate::common::operation::Kind;
use crate::common::*;

#[test]
fn an_operation_that_ran_out_of_memory_is_over() {
    let test = "open_memory::an_operation_that_ran_out_of_memory_is_over";
    if child::role().is_none() {
        child::succeeds(child::command(test, "caller"));
        return;
    }
    let most = libc::rlimit { rlim_cur: 1 << 40, rlim_max: 1 << 40 };
    // SAFETY: bounds the address space of this process.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &most) }, 0);
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    s.start(Kind::Encrypt, &Mech::plain(CKM_AES_ECB), Some(aes)).good();
    let (mut buffer, mut length) = ([7_u8; 64], 64);
    let place = buffer.as_mut_ptr();
    outcome(p11!(C_Encrypt(s.0, place, 1 << 45, place, &mut length))).gives(CKR_HOST_MEMORY);
    s.once_or_finish(Kind::Encrypt).gives(CKR_OPERATION_NOT_INITIALIZED);
}
