// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every function of the interface, with generated arguments.

use super::input::{Generator, Output};
use super::parameter::of_message;
use super::world::PIN;
use cryptoki_sys::*;
use std::ptr;

/// One function of the list.
macro_rules! call {
    ($g:ident . $function:ident($($argument:expr),* $(,)?)) => {{
        let function = $g.world.list.$function.expect(stringify!($function));
        // SAFETY: every pointer is NULL or into the generator's arena, with the length beside it.
        let rv = unsafe { function($($argument),*) };
        assert!(is_answer(rv), "{} answered {rv:#x}", stringify!($function));
        rv
    }};
}

/// One call.
pub fn one(g: &mut Generator<'_>) {
    match g.byte() {
        0..=15 => general(g),
        16..=47 => objects(g),
        48..=95 => begin(g),
        96..=159 => go_on(g),
        160..=191 => keys(g),
        192..=223 => messages(g),
        224..=239 => newest(g),
        240..=247 => state(g),
        _ => lifecycle(g),
    }
}

fn general(g: &mut Generator<'_>) {
    let session = g.session();
    match g.below(16) {
        0 => _ = call!(g.C_GetInfo(g.keep(vec![0; size_of::<CK_INFO>()]).cast())),
        1 => {
            let list = slots(g);
            _ = call!(g.C_GetSlotList(g.byte() % 3, list.0, list.1));
        }
        2 => {
            _ = call!(g.C_GetSlotInfo(g.slot(), g.keep(vec![0; size_of::<CK_SLOT_INFO>()]).cast()))
        }
        3 => {
            _ = call!(
                g.C_GetTokenInfo(g.slot(), g.keep(vec![0; size_of::<CK_TOKEN_INFO>()]).cast())
            )
        }
        4 => {
            let list = slots(g);
            _ = call!(g.C_GetMechanismList(g.slot(), list.0, list.1));
        }
        5 => {
            let place = g.keep(vec![0; size_of::<CK_MECHANISM_INFO>()]).cast();
            _ = call!(g.C_GetMechanismInfo(g.slot(), g.mechanism_type(), place));
        }
        6 => {
            _ = call!(
                g.C_GetSessionInfo(session, g.keep(vec![0; size_of::<CK_SESSION_INFO>()]).cast())
            )
        }
        7 => _ = call!(g.C_GetFunctionStatus(session)),
        8 => _ = call!(g.C_CancelFunction(session)),
        9 => _ = call!(g.C_SessionCancel(session, g.number())),
        10 => {
            let (seed, len) = g.input();
            _ = call!(g.C_SeedRandom(session, seed, len));
        }
        11 => {
            let (place, len) = g.input();
            _ = call!(g.C_GenerateRandom(session, place, len));
        }
        12 => {
            let flags = (g.number() & !CKF_DONT_BLOCK) | CKF_DONT_BLOCK;
            _ = call!(g.C_WaitForSlotEvent(flags, g.place(), ptr::null_mut()));
        }
        13 => _ = call!(g.C_GetSessionValidationFlags(session, g.number(), g.place())),
        14 => {
            let (name, _) = g.input();
            _ = call!(g.C_AsyncGetID(session, named(g, name), g.place()));
        }
        _ => {
            let (buffer, len) = g.input();
            _ = call!(g.C_AsyncJoin(session, named(g, ptr::null_mut()), g.number(), buffer, len));
        }
    }
}

/// A name that ends in zero, or NULL.
fn named(g: &mut Generator<'_>, name: *mut u8) -> *mut u8 {
    if name.is_null() { ptr::null_mut() } else { g.keep(b"C_Sign\0".to_vec()) }
}

/// A list of numbers and its count.
fn slots(g: &mut Generator<'_>) -> (*mut CK_ULONG, *mut CK_ULONG) {
    let room = g.below(600);
    let buffer = match g.byte() {
        0..=99 => ptr::null_mut(),
        _ => g.keep(vec![0; room * size_of::<CK_ULONG>()]).cast(),
    };
    let count = if g.byte() < 8 { ptr::null_mut() } else { g.keep_number(room as CK_ULONG) };
    (buffer, count)
}

fn objects(g: &mut Generator<'_>) {
    let session = g.session();
    let (template, count) = g.template();
    match g.below(9) {
        0 | 1 => {
            let place = g.place();
            let rv = call!(g.C_CreateObject(session, template, count, place));
            g.made(rv, place);
        }
        2 => {
            let place = g.place();
            let rv = call!(g.C_CopyObject(session, g.object(), template, count, place));
            g.made(rv, place);
        }
        3 => {
            let last = g.world.objects.last().copied();
            let object = match last {
                Some(object) if g.byte() > 3 => object,
                _ => g.number(),
            };
            _ = call!(g.C_DestroyObject(session, object));
        }
        4 => _ = call!(g.C_GetObjectSize(session, g.object(), g.place())),
        5 => {
            let (template, count) = g.question();
            _ = call!(g.C_GetAttributeValue(session, g.object(), template, count));
        }
        6 => _ = call!(g.C_SetAttributeValue(session, g.object(), template, count)),
        7 => _ = call!(g.C_FindObjectsInit(session, template, count)),
        _ if g.byte() < 128 => {
            let room = g.below(40);
            let buffer = g.keep(vec![0; room * size_of::<CK_ULONG>()]).cast();
            _ = call!(g.C_FindObjects(session, buffer, room as CK_ULONG, g.place()));
        }
        _ => _ = call!(g.C_FindObjectsFinal(session)),
    }
}

fn begin(g: &mut Generator<'_>) {
    let (session, mechanism, key) = (g.session(), g.mechanism(), g.object());
    match g.below(12) {
        0 => _ = call!(g.C_EncryptInit(session, mechanism, key)),
        1 => _ = call!(g.C_DecryptInit(session, mechanism, key)),
        2 => _ = call!(g.C_SignInit(session, mechanism, key)),
        3 => _ = call!(g.C_VerifyInit(session, mechanism, key)),
        4 => _ = call!(g.C_DigestInit(session, mechanism)),
        5 => _ = call!(g.C_SignRecoverInit(session, mechanism, key)),
        6 => _ = call!(g.C_VerifyRecoverInit(session, mechanism, key)),
        7 => _ = call!(g.C_MessageEncryptInit(session, mechanism, key)),
        8 => _ = call!(g.C_MessageDecryptInit(session, mechanism, key)),
        9 => _ = call!(g.C_MessageSignInit(session, mechanism, key)),
        10 => _ = call!(g.C_MessageVerifyInit(session, mechanism, key)),
        _ => {
            let (signature, len) = g.input();
            _ = call!(g.C_VerifySignatureInit(session, mechanism, key, signature, len));
        }
    }
}

fn go_on(g: &mut Generator<'_>) {
    let session = g.session();
    let (data, len) = g.input();
    let out: Output = g.output();
    let (o, n) = (out.buffer, out.length);
    let rv = match g.below(24) {
        0 => call!(g.C_Encrypt(session, data, len, o, n)),
        1 => call!(g.C_EncryptUpdate(session, data, len, o, n)),
        2 => call!(g.C_EncryptFinal(session, o, n)),
        3 => call!(g.C_Decrypt(session, data, len, o, n)),
        4 => call!(g.C_DecryptUpdate(session, data, len, o, n)),
        5 => call!(g.C_DecryptFinal(session, o, n)),
        6 => call!(g.C_Digest(session, data, len, o, n)),
        7 => call!(g.C_DigestUpdate(session, data, len)),
        8 => call!(g.C_DigestFinal(session, o, n)),
        9 => call!(g.C_DigestKey(session, g.object())),
        10 => call!(g.C_Sign(session, data, len, o, n)),
        11 => call!(g.C_SignUpdate(session, data, len)),
        12 => call!(g.C_SignFinal(session, o, n)),
        13 => {
            let (signature, length) = g.input();
            call!(g.C_Verify(session, data, len, signature, length))
        }
        14 => call!(g.C_VerifyUpdate(session, data, len)),
        15 => call!(g.C_VerifyFinal(session, data, len)),
        16 => call!(g.C_SignRecover(session, data, len, o, n)),
        17 => call!(g.C_VerifyRecover(session, data, len, o, n)),
        18 => call!(g.C_DigestEncryptUpdate(session, data, len, o, n)),
        19 => call!(g.C_DecryptDigestUpdate(session, data, len, o, n)),
        20 => call!(g.C_SignEncryptUpdate(session, data, len, o, n)),
        21 => call!(g.C_DecryptVerifyUpdate(session, data, len, o, n)),
        22 => call!(g.C_VerifySignature(session, data, len)),
        _ if g.byte() < 128 => call!(g.C_VerifySignatureUpdate(session, data, len)),
        _ => call!(g.C_VerifySignatureFinal(session)),
    };
    out.check(rv);
}

fn keys(g: &mut Generator<'_>) {
    let (session, mechanism, key) = (g.session(), g.mechanism(), g.object());
    let (template, count) = g.template();
    let place = g.place();
    match g.below(5) {
        0 => {
            let rv = call!(g.C_GenerateKey(session, mechanism, template, count, place));
            g.made(rv, place);
        }
        1 => {
            let (private, private_count) = g.template();
            let second = g.place();
            let rv = call!(g.C_GenerateKeyPair(
                session,
                mechanism,
                template,
                count,
                private,
                private_count,
                place,
                second
            ));
            g.made(rv, place);
            g.made(rv, second);
        }
        2 => {
            let out = g.output();
            let rv =
                call!(g.C_WrapKey(session, mechanism, key, g.object(), out.buffer, out.length));
            out.check(rv);
        }
        3 => {
            let (wrapped, len) = g.input();
            let rv =
                call!(g.C_UnwrapKey(session, mechanism, key, wrapped, len, template, count, place));
            g.made(rv, place);
        }
        _ => {
            let rv = call!(g.C_DeriveKey(session, mechanism, key, template, count, place));
            if !is_key_material(mechanism) {
                g.made(rv, place);
            }
        }
    }
}

fn messages(g: &mut Generator<'_>) {
    let session = g.session();
    let (p, p_len) = of_message(g);
    let (aad, aad_len) = g.input();
    let (data, len) = g.input();
    let out = g.output();
    let (o, n) = (out.buffer, out.length);
    let rv = match g.below(16) {
        0 | 1 => call!(g.C_EncryptMessage(session, p, p_len, aad, aad_len, data, len, o, n)),
        2 => call!(g.C_EncryptMessageBegin(session, p, p_len, aad, aad_len)),
        3 => call!(g.C_EncryptMessageNext(
            session,
            p,
            p_len,
            data,
            len,
            o,
            n,
            CK_ULONG::from(g.byte() % 3)
        )),
        4 => call!(g.C_MessageEncryptFinal(session)),
        5 | 6 => call!(g.C_DecryptMessage(session, p, p_len, aad, aad_len, data, len, o, n)),
        7 => call!(g.C_DecryptMessageBegin(session, p, p_len, aad, aad_len)),
        8 => call!(g.C_DecryptMessageNext(
            session,
            p,
            p_len,
            data,
            len,
            o,
            n,
            CK_ULONG::from(g.byte() % 3)
        )),
        9 => call!(g.C_MessageDecryptFinal(session)),
        10 => call!(g.C_SignMessage(session, p, p_len, data, len, o, n)),
        11 => call!(g.C_SignMessageBegin(session, p, p_len)),
        12 => call!(g.C_SignMessageNext(session, p, p_len, data, len, o, n)),
        13 if g.byte() < 128 => call!(g.C_MessageSignFinal(session)),
        13 => call!(g.C_MessageVerifyFinal(session)),
        14 => call!(g.C_VerifyMessage(session, p, p_len, data, len, aad, aad_len)),
        _ if g.byte() < 128 => call!(g.C_VerifyMessageBegin(session, p, p_len)),
        _ => call!(g.C_VerifyMessageNext(session, p, p_len, data, len, aad, aad_len)),
    };
    out.check(rv);
}

fn newest(g: &mut Generator<'_>) {
    let (session, mechanism, key) = (g.session(), g.mechanism(), g.object());
    let (template, count) = g.template();
    let (data, len) = g.input();
    let out = g.output();
    let (o, n, place) = (out.buffer, out.length, g.place());
    match g.below(4) {
        0 => {
            let rv =
                call!(g.C_EncapsulateKey(session, mechanism, key, template, count, o, n, place));
            out.check(rv);
            // A length query makes no key.
            if !o.is_null() {
                g.made(rv, place);
            }
        }
        1 => {
            let rv = call!(
                g.C_DecapsulateKey(session, mechanism, key, template, count, data, len, place)
            );
            g.made(rv, place);
        }
        2 => {
            let rv = call!(g.C_WrapKeyAuthenticated(
                session,
                mechanism,
                key,
                g.object(),
                data,
                len,
                o,
                n
            ));
            out.check(rv);
        }
        _ => {
            let (aad, aad_len) = g.input();
            let rv = call!(g.C_UnwrapKeyAuthenticated(
                session, mechanism, key, data, len, template, count, aad, aad_len, place
            ));
            g.made(rv, place);
        }
    }
}

fn state(g: &mut Generator<'_>) {
    let session = g.session();
    match g.below(3) {
        0 => {
            let out = g.output();
            let rv = call!(g.C_GetOperationState(session, out.buffer, out.length));
            out.check(rv);
            if rv == CKR_OK && !out.buffer.is_null() {
                // SAFETY: on CKR_OK the buffer holds so many bytes.
                let saved = unsafe { std::slice::from_raw_parts(out.buffer, *out.length as usize) };
                g.world.states.push(saved.to_vec());
            }
        }
        1 => {
            let (saved, len) = g.input();
            _ = call!(g.C_SetOperationState(session, saved, len, g.object(), g.object()));
        }
        _ => {
            let Some(mut saved) = g.world.states.last().cloned() else { return };
            let (at, change) = (g.below(saved.len()), g.byte());
            if let Some(byte) = saved.get_mut(at) {
                *byte ^= change;
            }
            let len = saved.len() as CK_ULONG;
            _ = call!(g.C_SetOperationState(session, g.keep(saved), len, 0, 0));
        }
    }
}

/// Sessions, logins, the token and the library: seldom, because a PIN takes its time.
fn lifecycle(g: &mut Generator<'_>) {
    let session = g.session();
    let (pin, len) = match g.byte() {
        0..=99 => (g.keep(PIN.to_vec()), PIN.len() as CK_ULONG),
        _ => g.input(),
    };
    match g.below(32) {
        0..=7 => {
            let place = g.place();
            let flags = if g.byte() < 200 { CK_ULONG::from(g.byte() % 8) } else { g.number() };
            let rv = call!(g.C_OpenSession(g.slot(), flags, ptr::null_mut(), None, place));
            if rv == CKR_OK {
                // SAFETY: on CKR_OK the place was not NULL, and it is in the arena.
                g.world.sessions.push(unsafe { place.read() });
            }
        }
        8..=15 => _ = call!(g.C_CloseSession(session)),
        16 => _ = call!(g.C_CloseAllSessions(g.slot())),
        17 => _ = call!(g.C_Logout(session)),
        18..=21 => _ = call!(g.C_Login(session, CK_ULONG::from(g.byte() % 4), pin, len)),
        22 => {
            let (name, name_len) = g.input();
            _ = call!(g.C_LoginUser(
                session,
                CK_ULONG::from(g.byte() % 4),
                pin,
                len,
                name,
                name_len
            ));
        }
        23 => _ = call!(g.C_InitPIN(session, pin, len)),
        24 => {
            let (new, new_len) = g.input();
            _ = call!(g.C_SetPIN(session, pin, len, new, new_len));
        }
        25 if g.byte() < 32 => {
            let label = g.keep(vec![b' '; 32]);
            _ = call!(g.C_InitToken(g.slot(), pin, len, label));
        }
        26 if g.byte() < 32 => _ = call!(g.C_Finalize(ptr::null_mut())),
        27 => _ = call!(g.C_Finalize(g.keep(vec![0; 8]).cast())),
        _ => initialize(g),
    }
}

fn initialize(g: &mut Generator<'_>) {
    let reserved = match g.byte() {
        0..=99 => g.world.reserved(),
        100..=150 => g.keep(b"conf=\0".to_vec()).cast(),
        _ => g.keep(b"else\0".to_vec()).cast(),
    };
    let args =
        CK_C_INITIALIZE_ARGS { flags: g.number(), pReserved: reserved, ..Default::default() };
    let mut args = Box::new(args);
    _ = call!(g.C_Initialize(ptr::from_mut(&mut *args).cast()));
}

/// Whether a derivation gives its keys in the parameter alone, where the handle "is unnecessary".
fn is_key_material(mechanism: *mut CK_MECHANISM) -> bool {
    // SAFETY: NULL, or a mechanism in the arena.
    let kind = unsafe { mechanism.as_ref() }.map(|mechanism| mechanism.mechanism);
    kind.is_some_and(|kind| IN_PARAMETER.contains(&kind))
}

/// The answers of the specification; `CKR_GENERAL_ERROR` says that something is broken here.
fn is_answer(rv: CK_RV) -> bool {
    rv <= CKR_PARAMETER_SET_NOT_SUPPORTED && rv != CKR_GENERAL_ERROR && rv != CKR_DEVICE_ERROR
}

const IN_PARAMETER: &[CK_MECHANISM_TYPE] = &[
    CKM_SSL3_KEY_AND_MAC_DERIVE,
    CKM_TLS_KEY_AND_MAC_DERIVE,
    CKM_TLS12_KEY_AND_MAC_DERIVE,
    CKM_TLS12_KEY_SAFE_DERIVE,
];
