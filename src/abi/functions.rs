// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One row a function: symbol, C types, and a body that turns the arguments into slices and values
//! and calls the session layer. The rows also fill the function lists of 2.40, 3.0 and 3.2.

#![allow(non_snake_case, missing_docs, clippy::missing_safety_doc, clippy::too_many_arguments)]

use super::arguments::{initialisation, nothing, reserved_is_null, text};
use super::derivation::{self, Arguments};
use super::interfaces::{self, Fixed, Interfaces, interface};
use super::mechanism::{call, call_or_cancel, call_to_unwrap, call_to_wrap};
use super::messages;
use super::output::{self, Input, Out};
use super::parameter::message;
use super::pointer::Argument;
use super::process::{
    self, anywhere, in_library, in_message, in_operation, in_operations, in_session,
    in_verification,
};
use super::{info, template};
use crate::error::Error;
use crate::mechanism::Direction;
use crate::session::{Kind, Library, Wrapping};
use crate::types::Output;
use cryptoki_sys::*;
use std::ffi::c_void;

#[rustfmt::skip]
cryptoki! {
v2_40 {
    fn C_Initialize(args: *mut c_void) { anywhere(|| process::initialise(initialisation(args.cast())?)) }
    fn C_Finalize(reserved: *mut c_void) { anywhere(|| reserved_is_null(reserved).and_then(|()| process::finalise())) }
    fn C_GetInfo(place: *mut CK_INFO) { in_library(|_| place.write(info::library())) }
    fn C_GetFunctionList(place: *mut *mut CK_FUNCTION_LIST) {
        anywhere(|| place.write((&raw const LIST_2_40.0).cast_mut()))
    }
    fn C_GetSlotList(present: CK_BBOOL, buffer: *mut CK_SLOT_ID, count: *mut CK_ULONG) {
        in_library(|library| {
            count.read()?;
            output::list(&library.slot_list(present != CK_FALSE, buffer.is_null())?, buffer, count)
        })
    }
    fn C_GetSlotInfo(slot: CK_SLOT_ID, place: *mut CK_SLOT_INFO) {
        in_library(|library| place.write(info::slot(slot, &library.slot_info(slot)?)))
    }
    fn C_GetTokenInfo(slot: CK_SLOT_ID, place: *mut CK_TOKEN_INFO) {
        in_library(|library| place.write(info::token(&library.token_info(slot)?)))
    }
    fn C_GetMechanismList(slot: CK_SLOT_ID, buffer: *mut CK_MECHANISM_TYPE, count: *mut CK_ULONG) {
        in_library(|library| {
            let ids: Vec<_> = library.mechanisms(slot)?.map(|row| row.id).collect();
            output::list(&ids, buffer, count)
        })
    }
    fn C_GetMechanismInfo(slot: CK_SLOT_ID, id: CK_MECHANISM_TYPE, place: *mut CK_MECHANISM_INFO) {
        in_library(|library| {
            let (sizes, flags) = library.mechanism_info(slot, id)?;
            place.write(info::mechanism(sizes, flags))
        })
    }
    fn C_InitToken(slot: CK_SLOT_ID, pin: *mut CK_UTF8CHAR, len: CK_ULONG, label: *mut CK_UTF8CHAR) {
        in_library(|library| library.init_token(slot, text(pin, len)?, label.cast().read()?))
    }
    fn C_InitPIN(session: CK_SESSION_HANDLE, pin: *mut CK_UTF8CHAR, len: CK_ULONG) {
        in_session(session, |library| library.init_pin(session as u64, text(pin, len)?))
    }
    fn C_SetPIN(session: CK_SESSION_HANDLE, old: *mut CK_UTF8CHAR, old_len: CK_ULONG, new: *mut CK_UTF8CHAR, new_len: CK_ULONG) {
        in_session(session, |library| library.set_pin(session as u64, text(old, old_len)?, text(new, new_len)?))
    }
    fn C_OpenSession(slot: CK_SLOT_ID, flags: CK_FLAGS, _application: *mut c_void, _notify: CK_NOTIFY, place: *mut CK_SESSION_HANDLE) {
        in_library(|library| {
            place.required()?;
            place.write(library.open_session(slot, flags)? as CK_SESSION_HANDLE)
        })
    }
    fn C_CloseSession(session: CK_SESSION_HANDLE) { in_session(session, |library| library.close_session(session as u64)) }
    fn C_CloseAllSessions(slot: CK_SLOT_ID) { in_library(|library| library.close_all_sessions(slot)) }
    fn C_GetSessionInfo(session: CK_SESSION_HANDLE, place: *mut CK_SESSION_INFO) {
        in_session(session, |library| place.write(info::session(&library.session_info(session as u64)?)))
    }
    fn C_GetOperationState(session: CK_SESSION_HANDLE, state: *mut CK_BYTE, len: *mut CK_ULONG) {
        in_session(session, |library| library.operation_state(session as u64, &mut Out::new(state, len)?))
    }
    fn C_SetOperationState(session: CK_SESSION_HANDLE, state: *mut CK_BYTE, len: CK_ULONG, cipher: CK_OBJECT_HANDLE, mac: CK_OBJECT_HANDLE) {
        in_session(session, |library| {
            library.set_operation_state(session as u64, text(state, len)?, [cipher as u64, mac as u64])
        })
    }
    fn C_Login(session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: *mut CK_UTF8CHAR, len: CK_ULONG) {
        in_session(session, |library| library.login(session as u64, user, text(pin, len)?))
    }
    fn C_Logout(session: CK_SESSION_HANDLE) { in_session(session, |library| library.logout(session as u64)) }
    fn C_CreateObject(session: CK_SESSION_HANDLE, attributes: *mut CK_ATTRIBUTE, count: CK_ULONG, place: *mut CK_OBJECT_HANDLE) {
        in_session(session, |library| {
            place.required()?;
            place.write(library.create_object(session as u64, &template::read(attributes, count)?)? as CK_OBJECT_HANDLE)
        })
    }
    fn C_CopyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, attributes: *mut CK_ATTRIBUTE, count: CK_ULONG, place: *mut CK_OBJECT_HANDLE) {
        in_session(session, |library| {
            place.required()?;
            let copy = library.copy_object(session as u64, object as u64, &template::read(attributes, count)?)?;
            place.write(copy as CK_OBJECT_HANDLE)
        })
    }
    fn C_DestroyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) {
        in_session(session, |library| library.destroy_object(session as u64, object as u64))
    }
    fn C_GetObjectSize(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, place: *mut CK_ULONG) {
        in_session(session, |library| place.write(library.object_size(session as u64, object as u64)? as CK_ULONG))
    }
    fn C_GetAttributeValue(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, attributes: *mut CK_ATTRIBUTE, count: CK_ULONG) {
        in_session(session, |library| {
            let (questions, view) = (template::questions(attributes, count)?, library.view(session as u64, object as u64));
            let view = view?;
            library.disclosing(session as u64, &view, template::given(questions))?;
            template::answer(&view, questions)
        })
    }
    fn C_SetAttributeValue(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, attributes: *mut CK_ATTRIBUTE, count: CK_ULONG) {
        in_session(session, |library| {
            library.set_attributes(session as u64, object as u64, &template::read(attributes, count)?)
        })
    }
    fn C_FindObjectsInit(session: CK_SESSION_HANDLE, attributes: *mut CK_ATTRIBUTE, count: CK_ULONG) {
        in_session(session, |library| library.find_init(session as u64, &template::read(attributes, count)?))
    }
    fn C_FindObjects(session: CK_SESSION_HANDLE, buffer: *mut CK_OBJECT_HANDLE, most: CK_ULONG, count: *mut CK_ULONG) {
        in_session(session, |library| {
            count.required()?;
            output::batch(most, buffer, count, |most| library.find(session as u64, most))
        })
    }
    fn C_FindObjectsFinal(session: CK_SESSION_HANDLE) { in_session(session, |library| library.find_final(session as u64)) }
    fn C_EncryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        in_session(session, |library| library.encrypt_init(session as u64, call_or_cancel(mechanism)?, key as u64))
    }
    fn C_Encrypt(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operation(session, CKF_ENCRYPT, |library| {
            let mut out = Out::new(out, out_len)?;
            library.encrypt(session as u64, Kind::Whole, &out.input(data, len)?, &mut out)
        })
    }
    fn C_EncryptUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operation(session, CKF_ENCRYPT, |library| {
            let mut out = Out::new(out, out_len)?;
            library.encrypt(session as u64, Kind::Part, &out.input(data, len)?, &mut out)
        })
    }
    fn C_EncryptFinal(session: CK_SESSION_HANDLE, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operation(session, CKF_ENCRYPT, |library| {
            library.encrypt(session as u64, Kind::Last, &[], &mut Out::new(out, out_len)?)
        })
    }
    fn C_DecryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        in_session(session, |library| library.decrypt_init(session as u64, call_or_cancel(mechanism)?, key as u64))
    }
    fn C_Decrypt(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operation(session, CKF_DECRYPT, |library| {
            let mut out = Out::new(out, out_len)?;
            library.decrypt(session as u64, Kind::Whole, &out.input(data, len)?, &mut out)
        })
    }
    fn C_DecryptUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operation(session, CKF_DECRYPT, |library| {
            let mut out = Out::new(out, out_len)?;
            library.decrypt(session as u64, Kind::Part, &out.input(data, len)?, &mut out)
        })
    }
    fn C_DecryptFinal(session: CK_SESSION_HANDLE, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operation(session, CKF_DECRYPT, |library| {
            library.decrypt(session as u64, Kind::Last, &[], &mut Out::new(out, out_len)?)
        })
    }
    fn C_DigestInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM) {
        in_session(session, |library| library.digest_init(session as u64, call_or_cancel(mechanism)?))
    }
    fn C_Digest(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operation(session, CKF_DIGEST, |library| {
            let mut out = Out::new(out, out_len)?;
            library.digest(session as u64, Kind::Whole, &out.input(data, len)?, &mut out)
        })
    }
    fn C_DigestUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, len: CK_ULONG) {
        in_operation(session, CKF_DIGEST, |library| library.digest_update(session as u64, data.slice(len)?))
    }
    fn C_DigestKey(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) { in_session(session, |library| library.digest_key(session as u64, key as u64)) }
    fn C_DigestFinal(session: CK_SESSION_HANDLE, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operation(session, CKF_DIGEST, |library| {
            library.digest(session as u64, Kind::Last, &[], &mut Out::new(out, out_len)?)
        })
    }
    fn C_SignInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        in_session(session, |library| library.sign_init(session as u64, call_or_cancel(mechanism)?, key as u64))
    }
    fn C_Sign(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operation(session, CKF_SIGN, |library| {
            let mut out = Out::new(out, out_len)?;
            library.sign(session as u64, Kind::Whole, &out.input(data, len)?, &mut out)
        })
    }
    fn C_SignUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, len: CK_ULONG) {
        in_operation(session, CKF_SIGN, |library| library.sign_update(session as u64, data.slice(len)?))
    }
    fn C_SignFinal(session: CK_SESSION_HANDLE, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operation(session, CKF_SIGN, |library| {
            library.sign(session as u64, Kind::Last, &[], &mut Out::new(out, out_len)?)
        })
    }
    fn C_SignRecoverInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        in_session(session, |library| library.sign_recover_init(session as u64, call_or_cancel(mechanism)?, key as u64))
    }
    fn C_SignRecover(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operation(session, CKF_SIGN_RECOVER, |library| {
            let mut out = Out::new(out, out_len)?;
            library.sign_recover(session as u64, &out.input(data, len)?, &mut out)
        })
    }
    fn C_VerifyInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        in_session(session, |library| library.verify_init(session as u64, call_or_cancel(mechanism)?, key as u64))
    }
    fn C_Verify(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, len: CK_ULONG, signature: *mut CK_BYTE, signature_len: CK_ULONG) {
        in_verification(session, false, |library| {
            library.verify(session as u64, Kind::Whole, data.slice(len)?, text(signature, signature_len)?)
        })
    }
    fn C_VerifyUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, len: CK_ULONG) {
        in_verification(session, false, |library| library.verify_update(session as u64, data.slice(len)?))
    }
    fn C_VerifyFinal(session: CK_SESSION_HANDLE, signature: *mut CK_BYTE, len: CK_ULONG) {
        in_verification(session, false, |library| {
            library.verify(session as u64, Kind::Last, &[], text(signature, len)?)
        })
    }
    fn C_VerifyRecoverInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        in_session(session, |library| library.verify_recover_init(session as u64, call_or_cancel(mechanism)?, key as u64))
    }
    fn C_VerifyRecover(session: CK_SESSION_HANDLE, signature: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operation(session, CKF_VERIFY_RECOVER, |library| {
            let mut out = Out::new(out, out_len)?;
            signature.required()?;
            library.verify_recover(session as u64, &out.input(signature, len)?, &mut out)
        })
    }
    fn C_DigestEncryptUpdate(session: CK_SESSION_HANDLE, part: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operations(session, CKF_DIGEST | CKF_ENCRYPT, |library| {
            let mut out = Out::new(out, out_len)?;
            library.digest_encrypt(session as u64, &out.input(part, len)?, &mut out)
        })
    }
    fn C_DecryptDigestUpdate(session: CK_SESSION_HANDLE, part: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operations(session, CKF_DECRYPT | CKF_DIGEST, |library| {
            let mut out = Out::new(out, out_len)?;
            library.decrypt_digest(session as u64, &out.input(part, len)?, &mut out)
        })
    }
    fn C_SignEncryptUpdate(session: CK_SESSION_HANDLE, part: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operations(session, CKF_SIGN | CKF_ENCRYPT, |library| {
            let mut out = Out::new(out, out_len)?;
            library.sign_encrypt(session as u64, &out.input(part, len)?, &mut out)
        })
    }
    fn C_DecryptVerifyUpdate(session: CK_SESSION_HANDLE, part: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_operations(session, CKF_DECRYPT | CKF_VERIFY, |library| {
            let mut out = Out::new(out, out_len)?;
            library.decrypt_verify(session as u64, &out.input(part, len)?, &mut out)
        })
    }
    fn C_GenerateKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, attributes: *mut CK_ATTRIBUTE, count: CK_ULONG, place: *mut CK_OBJECT_HANDLE) {
        in_session(session, |library| {
            place.required()?;
            let key = library.generate_key(session as u64, &call(mechanism)?, &template::read(attributes, count)?)?;
            place.write(key as CK_OBJECT_HANDLE)
        })
    }
    fn C_GenerateKeyPair(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, public: *mut CK_ATTRIBUTE, public_count: CK_ULONG, private: *mut CK_ATTRIBUTE, private_count: CK_ULONG, public_place: *mut CK_OBJECT_HANDLE, private_place: *mut CK_OBJECT_HANDLE) {
        in_session(session, |library| {
            public_place.required().and_then(|()| private_place.required())?;
            let templates = (template::read(public, public_count)?, template::read(private, private_count)?);
            let pair = library.generate_key_pair(session as u64, &call(mechanism)?, &templates.0, &templates.1)?;
            public_place.write(pair.0 as CK_OBJECT_HANDLE).and_then(|()| private_place.write(pair.1 as CK_OBJECT_HANDLE))
        })
    }
    fn C_WrapKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, wrapping: CK_OBJECT_HANDLE, key: CK_OBJECT_HANDLE, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_session(session, |library| {
            library.wrap_key(session as u64, &call_to_wrap(mechanism)?, wrapping as u64, key as u64, &mut Out::new(out, out_len)?)
        })
    }
    fn C_UnwrapKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, unwrapping: CK_OBJECT_HANDLE, wrapped: *mut CK_BYTE, len: CK_ULONG, attributes: *mut CK_ATTRIBUTE, count: CK_ULONG, place: *mut CK_OBJECT_HANDLE) {
        in_session(session, |library| {
            place.required()?;
            let (wrapped, attributes) = (text(wrapped, len)?, template::read(attributes, count)?);
            place.write(library.unwrap_key(session as u64, &call_to_unwrap(mechanism)?, unwrapping as u64, wrapped, &attributes)? as CK_OBJECT_HANDLE)
        })
    }
    fn C_DeriveKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, base: CK_OBJECT_HANDLE, attributes: *mut CK_ATTRIBUTE, count: CK_ULONG, place: *mut CK_OBJECT_HANDLE) {
        in_session(session, |library| {
            derivation::derive(library, &Arguments { session, mechanism, base, attributes, count, place })
        })
    }
    fn C_SeedRandom(session: CK_SESSION_HANDLE, seed: *mut CK_BYTE, len: CK_ULONG) {
        in_session(session, |library| library.seed_random(session as u64, seed.slice(len)?))
    }
    fn C_GenerateRandom(session: CK_SESSION_HANDLE, out: *mut CK_BYTE, len: CK_ULONG) {
        in_session(session, |library| {
            out.required()?;
            library.random(session as u64, out.slice_mut(len)?)
        })
    }
    fn C_GetFunctionStatus(_session: CK_SESSION_HANDLE) { anywhere(|| Err(Error::FunctionNotParallel)) }
    fn C_CancelFunction(_session: CK_SESSION_HANDLE) { anywhere(|| Err(Error::FunctionNotParallel)) }
    fn C_WaitForSlotEvent(flags: CK_FLAGS, place: *mut CK_SLOT_ID, reserved: *mut c_void) {
        let look = |library: &Library| {
            place.required().and_then(|()| reserved_is_null(reserved))?;
            place.write(library.slot_event()?)
        };
        if flags & CKF_DONT_BLOCK == 0 { process::waiting(look) } else { in_library(look) }
    }
}
v3_0 {
    fn C_GetInterfaceList(buffer: *mut CK_INTERFACE, count: *mut CK_ULONG) { anywhere(|| interfaces::list(&INTERFACES, buffer, count)) }
    fn C_GetInterface(name: *mut CK_UTF8CHAR, version: *mut CK_VERSION, place: *mut *mut CK_INTERFACE, flags: CK_FLAGS) {
        anywhere(|| interfaces::find(&INTERFACES, name, version, place, flags))
    }
    fn C_LoginUser(session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: *mut CK_UTF8CHAR, len: CK_ULONG, name: *mut CK_UTF8CHAR, name_len: CK_ULONG) {
        in_session(session, |library| {
            library.login_user(session as u64, user, text(pin, len)?, name.slice(name_len)?)
        })
    }
    fn C_SessionCancel(session: CK_SESSION_HANDLE, flags: CK_FLAGS) { in_session(session, |library| library.cancel(session as u64, flags)) }
    fn C_MessageEncryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        in_session(session, |library| library.message_init(session as u64, Direction::Encrypt, message::row_or_cancel(mechanism)?, key as u64))
    }
    fn C_EncryptMessage(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, aad: *mut CK_BYTE, aad_len: CK_ULONG, data: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        messages::whole(session, Direction::Encrypt, ((parameter, parameter_len), (aad, aad_len)), (data, len), (out, out_len))
    }
    fn C_EncryptMessageBegin(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, aad: *mut CK_BYTE, aad_len: CK_ULONG) {
        messages::begin(session, Direction::Encrypt, ((parameter, parameter_len), (aad, aad_len)))
    }
    fn C_EncryptMessageNext(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, part: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG, flags: CK_FLAGS) {
        messages::next(session, Direction::Encrypt, ((parameter, parameter_len), flags), (part, len), (out, out_len))
    }
    fn C_MessageEncryptFinal(session: CK_SESSION_HANDLE) {
        in_session(session, |library| library.message_final(session as u64, Direction::Encrypt))
    }
    fn C_MessageDecryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        in_session(session, |library| library.message_init(session as u64, Direction::Decrypt, message::row_or_cancel(mechanism)?, key as u64))
    }
    fn C_DecryptMessage(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, aad: *mut CK_BYTE, aad_len: CK_ULONG, data: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        messages::whole(session, Direction::Decrypt, ((parameter, parameter_len), (aad, aad_len)), (data, len), (out, out_len))
    }
    fn C_DecryptMessageBegin(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, aad: *mut CK_BYTE, aad_len: CK_ULONG) {
        messages::begin(session, Direction::Decrypt, ((parameter, parameter_len), (aad, aad_len)))
    }
    fn C_DecryptMessageNext(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, part: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG, flags: CK_FLAGS) {
        messages::next(session, Direction::Decrypt, ((parameter, parameter_len), flags), (part, len), (out, out_len))
    }
    fn C_MessageDecryptFinal(session: CK_SESSION_HANDLE) {
        in_session(session, |library| library.message_final(session as u64, Direction::Decrypt))
    }
    fn C_MessageSignInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        in_session(session, |library| library.message_sign_init(session as u64, call_or_cancel(mechanism)?, key as u64))
    }
    fn C_SignMessage(session: CK_SESSION_HANDLE, _parameter: *mut c_void, parameter_len: CK_ULONG, data: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_session(session, |library| {
            let mut out = Out::new(out, out_len)?;
            nothing(parameter_len)?;
            library.sign_message(session as u64, &out.input(data, len)?, &mut out)
        })
    }
    fn C_SignMessageBegin(session: CK_SESSION_HANDLE, _parameter: *mut c_void, parameter_len: CK_ULONG) {
        in_session(session, |library| nothing(parameter_len).and_then(|()| library.sign_message_begin(session as u64)))
    }
    fn C_SignMessageNext(session: CK_SESSION_HANDLE, _parameter: *mut c_void, parameter_len: CK_ULONG, part: *mut CK_BYTE, len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_message(session, CKF_MESSAGE_SIGN, |library| {
            nothing(parameter_len)?;
            // Where there is no place for its length, the signature is not wanted yet.
            let mut out = if out_len.is_null() { None } else { Some(Out::new(out, out_len)?) };
            let part = match &out { Some(out) => out.input(part, len)?, None => Input::Apart(part.slice(len)?) };
            library.sign_message_next(session as u64, &part, out.as_mut().map(|out| out as &mut dyn Output))
        })
    }
    fn C_MessageSignFinal(session: CK_SESSION_HANDLE) {
        in_session(session, |library| library.message_sign_final(session as u64))
    }
    fn C_MessageVerifyInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        in_session(session, |library| library.message_verify_init(session as u64, call_or_cancel(mechanism)?, key as u64))
    }
    fn C_VerifyMessage(session: CK_SESSION_HANDLE, _parameter: *mut c_void, parameter_len: CK_ULONG, data: *mut CK_BYTE, len: CK_ULONG, signature: *mut CK_BYTE, signature_len: CK_ULONG) {
        in_session(session, |library| {
            nothing(parameter_len)?;
            library.verify_message(session as u64, data.slice(len)?, text(signature, signature_len)?)
        })
    }
    fn C_VerifyMessageBegin(session: CK_SESSION_HANDLE, _parameter: *mut c_void, parameter_len: CK_ULONG) {
        in_session(session, |library| nothing(parameter_len).and_then(|()| library.verify_message_begin(session as u64)))
    }
    fn C_VerifyMessageNext(session: CK_SESSION_HANDLE, _parameter: *mut c_void, parameter_len: CK_ULONG, part: *mut CK_BYTE, len: CK_ULONG, signature: *mut CK_BYTE, signature_len: CK_ULONG) {
        in_message(session, CKF_MESSAGE_VERIFY, |library| {
            nothing(parameter_len)?;
            let signature = if signature.is_null() { None } else { Some(signature.slice(signature_len)?) };
            library.verify_message_next(session as u64, part.slice(len)?, signature)
        })
    }
    fn C_MessageVerifyFinal(session: CK_SESSION_HANDLE) {
        in_session(session, |library| library.message_verify_final(session as u64))
    }
}
v3_2 {
    fn C_EncapsulateKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE, attributes: *mut CK_ATTRIBUTE, count: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG, place: *mut CK_OBJECT_HANDLE) {
        in_session(session, |library| {
            // Who asks for the length alone gets no key.
            let mut ciphertext = if out.is_null() { Out::new(out, out_len)? } else { place.required().and_then(|()| Out::new(out, out_len))? };
            let made = library.encapsulate_key(session as u64, &call(mechanism)?, key as u64, &template::read(attributes, count)?, &mut ciphertext)?;
            made.map_or(Ok(()), |handle| place.write(handle as CK_OBJECT_HANDLE))
        })
    }
    fn C_DecapsulateKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE, attributes: *mut CK_ATTRIBUTE, count: CK_ULONG, ciphertext: *mut CK_BYTE, len: CK_ULONG, place: *mut CK_OBJECT_HANDLE) {
        in_session(session, |library| {
            place.required()?;
            let (attributes, ciphertext) = (template::read(attributes, count)?, text(ciphertext, len)?);
            place.write(library.decapsulate_key(session as u64, &call(mechanism)?, key as u64, &attributes, ciphertext)? as CK_OBJECT_HANDLE)
        })
    }
    fn C_VerifySignatureInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE, signature: *mut CK_BYTE, len: CK_ULONG) {
        in_session(session, |library| match call_or_cancel(mechanism)? {
            Some(call) => library.verify_signature_init(session as u64, call, key as u64, text(signature, len)?),
            None => library.verify_init(session as u64, None, key as u64),
        })
    }
    fn C_VerifySignature(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, len: CK_ULONG) {
        in_verification(session, true, |library| library.verify_signature(session as u64, Kind::Whole, data.slice(len)?))
    }
    fn C_VerifySignatureUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, len: CK_ULONG) {
        in_verification(session, true, |library| library.verify_signature(session as u64, Kind::Part, data.slice(len)?))
    }
    fn C_VerifySignatureFinal(session: CK_SESSION_HANDLE) {
        in_verification(session, true, |library| library.verify_signature(session as u64, Kind::Last, &[]))
    }
    fn C_GetSessionValidationFlags(session: CK_SESSION_HANDLE, kind: CK_SESSION_VALIDATION_FLAGS_TYPE, place: *mut CK_FLAGS) {
        in_session(session, |library| {
            place.required()?;
            place.write(library.validation_flags(session as u64, kind)?)
        })
    }
    fn C_AsyncComplete(session: CK_SESSION_HANDLE, function: *mut CK_UTF8CHAR, _result: *mut CK_ASYNC_DATA) {
        in_session(session, |_| function.required().and(Err(Error::OperationNotInitialized)))
    }
    fn C_AsyncGetID(session: CK_SESSION_HANDLE, function: *mut CK_UTF8CHAR, id: *mut CK_ULONG) {
        in_session(session, |_| function.required().and_then(|()| id.required()).and(Err(Error::OperationNotInitialized)))
    }
    fn C_AsyncJoin(session: CK_SESSION_HANDLE, function: *mut CK_UTF8CHAR, _id: CK_ULONG, data: *mut CK_BYTE, len: CK_ULONG) {
        in_session(session, |_| function.required().and_then(|()| data.slice(len)).and(Err(Error::SavedStateInvalid)))
    }
    fn C_WrapKeyAuthenticated(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, wrapping: CK_OBJECT_HANDLE, key: CK_OBJECT_HANDLE, aad: *mut CK_BYTE, aad_len: CK_ULONG, out: *mut CK_BYTE, out_len: *mut CK_ULONG) {
        in_session(session, |library| {
            let (mut out, (row, mut envelope)) = (Out::new(out, out_len)?, message::wrapping(mechanism)?);
            let aad = out.input(aad, aad_len)?;
            library.wrap_authenticated(session as u64, &mut Wrapping { row, envelope: &mut envelope, aad: &aad }, (wrapping as u64, key as u64), &mut out)
        })
    }
    fn C_UnwrapKeyAuthenticated(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, unwrapping: CK_OBJECT_HANDLE, wrapped: *mut CK_BYTE, len: CK_ULONG, attributes: *mut CK_ATTRIBUTE, count: CK_ULONG, aad: *mut CK_BYTE, aad_len: CK_ULONG, place: *mut CK_OBJECT_HANDLE) {
        in_session(session, |library| {
            let ((row, mut envelope), wrapped) = (message::wrapping(mechanism)?, (unwrapping as u64, text(wrapped, len)?));
            let (aad, attributes) = (aad.slice(aad_len).and_then(|aad| place.required().map(|()| aad))?, template::read(attributes, count)?);
            place.write(library.unwrap_authenticated(session as u64, &mut Wrapping { row, envelope: &mut envelope, aad }, wrapped, &attributes)? as CK_OBJECT_HANDLE)
        })
    }
}
}

/// The newest first: a caller that names no version gets it.
static INTERFACES: Interfaces = Fixed([
    interface((&raw const LIST_3_2).cast()),
    interface((&raw const LIST_3_0).cast()),
    interface((&raw const LIST_2_40).cast()),
]);
