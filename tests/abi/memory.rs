// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Lengths that an address may have and no machine has.

use crate::common::operation::Kind;
use crate::common::*;

/// Input that the output overlaps is copied: where it is said to be 32 TiB, there is no room to.
#[test]
fn input_in_place_that_is_too_long_to_copy_is_an_error() {
    let test = "memory::input_in_place_that_is_too_long_to_copy_is_an_error";
    if child::role().is_none() {
        // A process of its own: what is wrong here ends the process.
        child::succeeds(child::command(test, "caller"));
        return;
    }
    bound_memory();
    let user = User::new();
    let s = user.session;
    let (aes, mac) = (keys::aes(s, 32), keys::generic(s, 32));
    let ecb = Mech::plain(CKM_AES_ECB);
    for (name, call, kind, mech, key) in [
        ("C_Encrypt", module().list.C_Encrypt, Kind::Encrypt, &ecb, Some(aes)),
        ("C_EncryptUpdate", module().list.C_EncryptUpdate, Kind::Encrypt, &ecb, Some(aes)),
        ("C_Decrypt", module().list.C_Decrypt, Kind::Decrypt, &ecb, Some(aes)),
        ("C_DecryptUpdate", module().list.C_DecryptUpdate, Kind::Decrypt, &ecb, Some(aes)),
        ("C_Digest", module().list.C_Digest, Kind::Digest, &Mech::plain(CKM_SHA256), None),
        ("C_Sign", module().list.C_Sign, Kind::Sign, &Mech::plain(CKM_SHA256_HMAC), Some(mac)),
    ] {
        let call = call.expect(name);
        let in_place = || {
            let (mut buffer, mut length) = ([7_u8; 64], 64);
            let place = buffer.as_mut_ptr();
            // SAFETY: the buffer is real; that the length of the input is not is what is tested.
            outcome(unsafe { call(s.0, place, TOO_LONG, place, &mut length) })
        };
        let idle = [CKR_HOST_MEMORY, CKR_ARGUMENTS_BAD, CKR_OPERATION_NOT_INITIALIZED];
        in_place().gives_for(&format!("{name} without an operation"), &idle);
        s.start(kind, mech, key).good_for(name);
        let busy = [CKR_HOST_MEMORY, CKR_ARGUMENTS_BAD, CKR_DATA_LEN_RANGE];
        in_place().gives_for(name, &busy);
        s.start_null(kind).gives_for(name, &[CKR_OK, CKR_ARGUMENTS_BAD]);
    }
    s.encrypt(&ecb, aes, &[0; 16]).good_for("the library works on");
}

/// 32 TiB.
const TOO_LONG: CK_ULONG = 1 << 45;

/// An error that is not about the output's length ends the operation, running out of memory too.
#[test]
fn an_operation_that_ran_out_of_memory_is_over() {
    let test = "memory::an_operation_that_ran_out_of_memory_is_over";
    if child::role().is_none() {
        child::succeeds(child::command(test, "caller"));
        return;
    }
    bound_memory();
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    s.start(Kind::Encrypt, &Mech::plain(CKM_AES_ECB), Some(aes)).good();
    let (mut buffer, mut length) = ([7_u8; 64], 64);
    let place = buffer.as_mut_ptr();
    outcome(p11!(C_Encrypt(s.0, place, TOO_LONG, place, &mut length))).gives(CKR_HOST_MEMORY);
    s.once_or_finish(Kind::Encrypt).gives(CKR_OPERATION_NOT_INITIALIZED);
}

/// Where the kernel promises memory it does not have, it promises less than this too.
fn bound_memory() {
    let most = libc::rlimit { rlim_cur: 1 << 40, rlim_max: 1 << 40 };
    // SAFETY: bounds the address space of this process.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &most) }, 0);
}
