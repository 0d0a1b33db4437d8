// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every function of the interface with the kinds of its arguments, so that one loop can try what
//! each pointer, length and handle can be.

use Arg::*;
use cryptoki_sys::*;

/// A kind of argument; some are two machine words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// A slot with a token.
    Slot,
    /// The slot that waits for a token.
    EmptySlot,
    /// A session.
    Session,
    /// An object; the value is the code of a handle that is not valid.
    Handle(CK_RV),
    /// A number as it is.
    Number(CK_ULONG),
    /// A pointer to what the function returns.
    Ret,
    /// A buffer and a pointer to its length.
    Out,
    /// An array to fill and its length.
    Fill,
    /// Bytes and their length.
    In,
    /// Bytes whose absence says that more is to come, and their length.
    InOrMore,
    /// As `Out`; without a pointer to the length more is to come.
    OutOrMore,
    /// Bytes that may be nothing, and their length.
    InOrNone,
    /// The parameter of a message of AES-GCM, and its length.
    Envelope,
    /// A mechanism whose parameter is that of a message.
    MechOfMessage,
    /// The parameter of a message, where the mechanism has none: nothing, of no length.
    Parameter,
    /// A PIN and its length.
    Pin,
    /// A user name and its length, both of which may be nothing.
    Name,
    /// A name that ends with a NUL.
    Name0,
    /// 32 bytes.
    Label,
    /// A mechanism that must be there.
    Mech,
    /// A mechanism whose absence ends an operation.
    Init,
    /// A template and its count.
    Template,
}

/// What must be active before the function can do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    Nothing,
    Encrypt,
    Decrypt,
    Digest,
    Sign,
    Verify,
    Find,
    DigestEncrypt,
    DecryptDigest,
    SignEncrypt,
    DecryptVerify,
    VerifySignature,
    SignMessages,
    SignMessage,
    VerifyMessages,
    VerifyMessage,
    EncryptMessages,
    EncryptMessage,
    DecryptMessages,
    DecryptMessage,
}

/// A function.
pub struct Row {
    pub name: &'static str,
    pub args: &'static [Arg],
    pub ready: Ready,
    pub mechanism: CK_MECHANISM_TYPE,
    /// Whether the product may answer `CKR_FUNCTION_NOT_SUPPORTED`.
    pub optional: bool,
}

/// All functions of the 3.2 list, in its order.
#[rustfmt::skip]
pub const NAMES: &[&str] = &[
    "C_Initialize", "C_Finalize", "C_GetInfo", "C_GetFunctionList", "C_GetSlotList", "C_GetSlotInfo",
    "C_GetTokenInfo", "C_GetMechanismList", "C_GetMechanismInfo", "C_InitToken", "C_InitPIN", "C_SetPIN",
    "C_OpenSession", "C_CloseSession", "C_CloseAllSessions", "C_GetSessionInfo", "C_GetOperationState",
    "C_SetOperationState", "C_Login", "C_Logout", "C_CreateObject", "C_CopyObject", "C_DestroyObject",
    "C_GetObjectSize", "C_GetAttributeValue", "C_SetAttributeValue", "C_FindObjectsInit", "C_FindObjects",
    "C_FindObjectsFinal", "C_EncryptInit", "C_Encrypt", "C_EncryptUpdate", "C_EncryptFinal", "C_DecryptInit",
    "C_Decrypt", "C_DecryptUpdate", "C_DecryptFinal", "C_DigestInit", "C_Digest", "C_DigestUpdate",
    "C_DigestKey", "C_DigestFinal", "C_SignInit", "C_Sign", "C_SignUpdate", "C_SignFinal",
    "C_SignRecoverInit", "C_SignRecover", "C_VerifyInit", "C_Verify", "C_VerifyUpdate", "C_VerifyFinal",
    "C_VerifyRecoverInit", "C_VerifyRecover", "C_DigestEncryptUpdate", "C_DecryptDigestUpdate",
    "C_SignEncryptUpdate", "C_DecryptVerifyUpdate", "C_GenerateKey", "C_GenerateKeyPair", "C_WrapKey",
    "C_UnwrapKey", "C_DeriveKey", "C_SeedRandom", "C_GenerateRandom", "C_GetFunctionStatus",
    "C_CancelFunction", "C_WaitForSlotEvent", "C_GetInterfaceList", "C_GetInterface", "C_LoginUser",
    "C_SessionCancel", "C_MessageEncryptInit", "C_EncryptMessage", "C_EncryptMessageBegin",
    "C_EncryptMessageNext", "C_MessageEncryptFinal", "C_MessageDecryptInit", "C_DecryptMessage",
    "C_DecryptMessageBegin", "C_DecryptMessageNext", "C_MessageDecryptFinal", "C_MessageSignInit",
    "C_SignMessage", "C_SignMessageBegin", "C_SignMessageNext", "C_MessageSignFinal", "C_MessageVerifyInit",
    "C_VerifyMessage", "C_VerifyMessageBegin", "C_VerifyMessageNext", "C_MessageVerifyFinal",
    "C_EncapsulateKey", "C_DecapsulateKey", "C_VerifySignatureInit", "C_VerifySignature",
    "C_VerifySignatureUpdate", "C_VerifySignatureFinal", "C_GetSessionValidationFlags", "C_AsyncComplete",
    "C_AsyncGetID", "C_AsyncJoin", "C_WrapKeyAuthenticated", "C_UnwrapKeyAuthenticated",
];

const OBJECT: CK_RV = CKR_OBJECT_HANDLE_INVALID;
const KEY: CK_RV = CKR_KEY_HANDLE_INVALID;
const WRAPPING: CK_RV = CKR_WRAPPING_KEY_HANDLE_INVALID;
const UNWRAPPING: CK_RV = CKR_UNWRAPPING_KEY_HANDLE_INVALID;

/// The functions that work only on an initialised library.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("C_GetInfo", &[Ret], Ready::Nothing, CKM_AES_ECB, false),
    row("C_GetSlotList", &[Number(0), Out], Ready::Nothing, CKM_AES_ECB, false),
    row("C_GetSlotInfo", &[Slot, Ret], Ready::Nothing, CKM_AES_ECB, false),
    row("C_GetTokenInfo", &[Slot, Ret], Ready::Nothing, CKM_AES_ECB, false),
    row("C_GetMechanismList", &[Slot, Out], Ready::Nothing, CKM_AES_ECB, false),
    row("C_GetMechanismInfo", &[Slot, Number(CKM_AES_ECB), Ret], Ready::Nothing, CKM_AES_ECB, false),
    row("C_InitToken", &[EmptySlot, Pin, Label], Ready::Nothing, CKM_AES_ECB, false),
    row("C_InitPIN", &[Session, Pin], Ready::Nothing, CKM_AES_ECB, false),
    row("C_SetPIN", &[Session, Pin, Pin], Ready::Nothing, CKM_AES_ECB, false),
    row("C_OpenSession", &[Slot, Number(CKF_SERIAL_SESSION), Number(0), Number(0), Ret], Ready::Nothing, CKM_AES_ECB, false),
    row("C_CloseSession", &[Session], Ready::Nothing, CKM_AES_ECB, false),
    row("C_CloseAllSessions", &[Slot], Ready::Nothing, CKM_AES_ECB, false),
    row("C_GetSessionInfo", &[Session, Ret], Ready::Nothing, CKM_AES_ECB, false),
    row("C_GetOperationState", &[Session, Out], Ready::Digest, CKM_AES_ECB, false),
    row("C_SetOperationState", &[Session, In, Number(0), Number(0)], Ready::Nothing, CKM_AES_ECB, false),
    row("C_Login", &[Session, Number(CKU_USER), Pin], Ready::Nothing, CKM_AES_ECB, false),
    row("C_Logout", &[Session], Ready::Nothing, CKM_AES_ECB, false),
    row("C_CreateObject", &[Session, Template, Ret], Ready::Nothing, CKM_AES_ECB, false),
    row("C_CopyObject", &[Session, Handle(OBJECT), Template, Ret], Ready::Nothing, CKM_AES_ECB, false),
    row("C_DestroyObject", &[Session, Handle(OBJECT)], Ready::Nothing, CKM_AES_ECB, false),
    row("C_GetObjectSize", &[Session, Handle(OBJECT), Ret], Ready::Nothing, CKM_AES_ECB, false),
    row("C_GetAttributeValue", &[Session, Handle(OBJECT), Template], Ready::Nothing, CKM_AES_ECB, false),
    row("C_SetAttributeValue", &[Session, Handle(OBJECT), Template], Ready::Nothing, CKM_AES_ECB, false),
    row("C_FindObjectsInit", &[Session, Template], Ready::Nothing, CKM_AES_ECB, false),
    row("C_FindObjects", &[Session, Fill, Ret], Ready::Find, CKM_AES_ECB, false),
    row("C_FindObjectsFinal", &[Session], Ready::Find, CKM_AES_ECB, false),
    row("C_EncryptInit", &[Session, Init, Handle(KEY)], Ready::Nothing, CKM_AES_ECB, false),
    row("C_Encrypt", &[Session, In, Out], Ready::Encrypt, CKM_AES_ECB, false),
    row("C_EncryptUpdate", &[Session, In, Out], Ready::Encrypt, CKM_AES_ECB, false),
    row("C_EncryptFinal", &[Session, Out], Ready::Encrypt, CKM_AES_ECB, false),
    row("C_DecryptInit", &[Session, Init, Handle(KEY)], Ready::Nothing, CKM_AES_ECB, false),
    row("C_Decrypt", &[Session, In, Out], Ready::Decrypt, CKM_AES_ECB, false),
    row("C_DecryptUpdate", &[Session, In, Out], Ready::Decrypt, CKM_AES_ECB, false),
    row("C_DecryptFinal", &[Session, Out], Ready::Decrypt, CKM_AES_ECB, false),
    row("C_DigestInit", &[Session, Init], Ready::Nothing, CKM_SHA256, false),
    row("C_Digest", &[Session, In, Out], Ready::Digest, CKM_AES_ECB, false),
    row("C_DigestUpdate", &[Session, In], Ready::Digest, CKM_AES_ECB, false),
    row("C_DigestKey", &[Session, Handle(KEY)], Ready::Digest, CKM_AES_ECB, false),
    row("C_DigestFinal", &[Session, Out], Ready::Digest, CKM_AES_ECB, false),
    row("C_SignInit", &[Session, Init, Handle(KEY)], Ready::Nothing, CKM_SHA256_HMAC, false),
    row("C_Sign", &[Session, In, Out], Ready::Sign, CKM_AES_ECB, false),
    row("C_SignUpdate", &[Session, In], Ready::Sign, CKM_AES_ECB, false),
    row("C_SignFinal", &[Session, Out], Ready::Sign, CKM_AES_ECB, false),
    row("C_SignRecoverInit", &[Session, Init, Handle(KEY)], Ready::Nothing, CKM_RSA_PKCS, true),
    row("C_SignRecover", &[Session, In, Out], Ready::Nothing, CKM_AES_ECB, true),
    row("C_VerifyInit", &[Session, Init, Handle(KEY)], Ready::Nothing, CKM_SHA256_HMAC, false),
    row("C_Verify", &[Session, In, In], Ready::Verify, CKM_AES_ECB, false),
    row("C_VerifyUpdate", &[Session, In], Ready::Verify, CKM_AES_ECB, false),
    row("C_VerifyFinal", &[Session, In], Ready::Verify, CKM_AES_ECB, false),
    row("C_VerifyRecoverInit", &[Session, Init, Handle(KEY)], Ready::Nothing, CKM_RSA_PKCS, true),
    row("C_VerifyRecover", &[Session, In, Out], Ready::Nothing, CKM_AES_ECB, true),
    row("C_DigestEncryptUpdate", &[Session, In, Out], Ready::DigestEncrypt, CKM_AES_ECB, false),
    row("C_DecryptDigestUpdate", &[Session, In, Out], Ready::DecryptDigest, CKM_AES_ECB, false),
    row("C_SignEncryptUpdate", &[Session, In, Out], Ready::SignEncrypt, CKM_AES_ECB, false),
    row("C_DecryptVerifyUpdate", &[Session, In, Out], Ready::DecryptVerify, CKM_AES_ECB, false),
    row("C_GenerateKey", &[Session, Mech, Template, Ret], Ready::Nothing, CKM_AES_KEY_GEN, false),
    row("C_GenerateKeyPair", &[Session, Mech, Template, Template, Ret, Ret], Ready::Nothing, CKM_EC_KEY_PAIR_GEN, false),
    row("C_WrapKey", &[Session, Mech, Handle(WRAPPING), Handle(KEY), Out], Ready::Nothing, CKM_AES_KEY_WRAP_KWP, false),
    row("C_UnwrapKey", &[Session, Mech, Handle(UNWRAPPING), In, Template, Ret], Ready::Nothing, CKM_AES_KEY_WRAP_KWP, false),
    row("C_DeriveKey", &[Session, Mech, Handle(KEY), Template, Ret], Ready::Nothing, CKM_HKDF_DERIVE, false),
    row("C_SeedRandom", &[Session, In], Ready::Nothing, CKM_AES_ECB, false),
    row("C_GenerateRandom", &[Session, In], Ready::Nothing, CKM_AES_ECB, false),
    row("C_GetFunctionStatus", &[Session], Ready::Nothing, CKM_AES_ECB, false),
    row("C_CancelFunction", &[Session], Ready::Nothing, CKM_AES_ECB, false),
    row("C_WaitForSlotEvent", &[Number(CKF_DONT_BLOCK), Ret, Number(0)], Ready::Nothing, CKM_AES_ECB, false),
    row("C_LoginUser", &[Session, Number(CKU_USER), Pin, Name], Ready::Nothing, CKM_AES_ECB, false),
    row("C_SessionCancel", &[Session, Number(0)], Ready::Nothing, CKM_AES_ECB, false),
    row("C_MessageEncryptInit", &[Session, Init, Handle(KEY)], Ready::Nothing, CKM_AES_GCM, false),
    row("C_EncryptMessage", &[Session, Envelope, InOrNone, In, Out], Ready::EncryptMessages, CKM_AES_ECB, false),
    row("C_EncryptMessageBegin", &[Session, Envelope, InOrNone], Ready::EncryptMessages, CKM_AES_ECB, false),
    row("C_EncryptMessageNext", &[Session, Envelope, In, Out, Number(0)], Ready::EncryptMessage, CKM_AES_ECB, false),
    row("C_MessageEncryptFinal", &[Session], Ready::EncryptMessages, CKM_AES_ECB, false),
    row("C_MessageDecryptInit", &[Session, Init, Handle(KEY)], Ready::Nothing, CKM_AES_GCM, false),
    row("C_DecryptMessage", &[Session, Envelope, InOrNone, In, Out], Ready::DecryptMessages, CKM_AES_ECB, false),
    row("C_DecryptMessageBegin", &[Session, Envelope, InOrNone], Ready::DecryptMessages, CKM_AES_ECB, false),
    row("C_DecryptMessageNext", &[Session, Envelope, In, Out, Number(0)], Ready::DecryptMessage, CKM_AES_ECB, false),
    row("C_MessageDecryptFinal", &[Session], Ready::DecryptMessages, CKM_AES_ECB, false),
    row("C_MessageSignInit", &[Session, Init, Handle(KEY)], Ready::Nothing, CKM_SHA256_HMAC, false),
    row("C_SignMessage", &[Session, Parameter, In, Out], Ready::SignMessages, CKM_AES_ECB, false),
    row("C_SignMessageBegin", &[Session, Parameter], Ready::SignMessages, CKM_AES_ECB, false),
    row("C_SignMessageNext", &[Session, Parameter, In, OutOrMore], Ready::SignMessage, CKM_AES_ECB, false),
    row("C_MessageSignFinal", &[Session], Ready::SignMessages, CKM_AES_ECB, false),
    row("C_MessageVerifyInit", &[Session, Init, Handle(KEY)], Ready::Nothing, CKM_SHA256_HMAC, false),
    row("C_VerifyMessage", &[Session, Parameter, In, In], Ready::VerifyMessages, CKM_AES_ECB, false),
    row("C_VerifyMessageBegin", &[Session, Parameter], Ready::VerifyMessages, CKM_AES_ECB, false),
    row("C_VerifyMessageNext", &[Session, Parameter, In, InOrMore], Ready::VerifyMessage, CKM_AES_ECB, false),
    row("C_MessageVerifyFinal", &[Session], Ready::VerifyMessages, CKM_AES_ECB, false),
    row("C_EncapsulateKey", &[Session, Mech, Handle(KEY), Template, Out, Ret], Ready::Nothing, CKM_ML_KEM, false),
    row("C_DecapsulateKey", &[Session, Mech, Handle(UNWRAPPING), Template, In, Ret], Ready::Nothing, CKM_ML_KEM, false),
    row("C_VerifySignatureInit", &[Session, Init, Handle(KEY), In], Ready::Nothing, CKM_SHA256_HMAC, false),
    row("C_VerifySignature", &[Session, In], Ready::VerifySignature, CKM_AES_ECB, false),
    row("C_VerifySignatureUpdate", &[Session, In], Ready::VerifySignature, CKM_AES_ECB, false),
    row("C_VerifySignatureFinal", &[Session], Ready::VerifySignature, CKM_AES_ECB, false),
    row("C_GetSessionValidationFlags", &[Session, Number(CKS_LAST_VALIDATION_OK), Ret], Ready::Nothing, CKM_AES_ECB, false),
    row("C_AsyncComplete", &[Session, Name0, Ret], Ready::Nothing, CKM_AES_ECB, false),
    row("C_AsyncGetID", &[Session, Name0, Ret], Ready::Nothing, CKM_AES_ECB, false),
    row("C_AsyncJoin", &[Session, Name0, Number(1), In], Ready::Nothing, CKM_AES_ECB, false),
    row("C_WrapKeyAuthenticated", &[Session, MechOfMessage, Handle(WRAPPING), Handle(KEY), InOrNone, Out], Ready::Nothing, CKM_AES_GCM, false),
    row("C_UnwrapKeyAuthenticated", &[Session, MechOfMessage, Handle(UNWRAPPING), In, Template, InOrNone, Ret], Ready::Nothing, CKM_AES_GCM, false),
];

const fn row(
    name: &'static str,
    args: &'static [Arg],
    ready: Ready,
    mechanism: CK_MECHANISM_TYPE,
    optional: bool,
) -> Row {
    Row { name, args, ready, mechanism, optional }
}
