// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The one error type of the library and its one table to `CKR_*` codes.
//!
//! An error is a bare value: no text crosses cryptography, so none can leak a secret. What an
//! administrator should do about a fault goes to the diagnostic channel (`tracing`) at the place
//! that knows it.

use cryptoki_sys::*;

macro_rules! errors {
    ($($name:ident = $code:ident,)*) => {
        /// Why a call failed. Each variant is a `CKR_*` value of the specification, section 5.1.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each variant is named after its CKR_* code")]
        pub enum Error { $($name,)* }

        impl Error {
            /// The return value an application sees.
            pub fn code(self) -> CK_RV {
                match self { $(Error::$name => $code,)* }
            }

            /// The name of that return value in the specification.
            pub fn name(self) -> &'static str {
                match self { $(Error::$name => stringify!($code),)* }
            }
        }
    };
}

errors! {
    ActionProhibited = CKR_ACTION_PROHIBITED,
    // What rests is not what was written: told apart inside, so that one object or token is refused
    // where a device that fails would end everything.
    Altered = CKR_DEVICE_ERROR,
    AeadDecryptFailed = CKR_AEAD_DECRYPT_FAILED,
    ArgumentsBad = CKR_ARGUMENTS_BAD,
    AttributeReadOnly = CKR_ATTRIBUTE_READ_ONLY,
    AttributeSensitive = CKR_ATTRIBUTE_SENSITIVE,
    AttributeTypeInvalid = CKR_ATTRIBUTE_TYPE_INVALID,
    AttributeValueInvalid = CKR_ATTRIBUTE_VALUE_INVALID,
    BufferTooSmall = CKR_BUFFER_TOO_SMALL,
    CryptokiAlreadyInitialized = CKR_CRYPTOKI_ALREADY_INITIALIZED,
    CryptokiNotInitialized = CKR_CRYPTOKI_NOT_INITIALIZED,
    CurveNotSupported = CKR_CURVE_NOT_SUPPORTED,
    DataInvalid = CKR_DATA_INVALID,
    DataLenRange = CKR_DATA_LEN_RANGE,
    DeviceError = CKR_DEVICE_ERROR,
    DeviceMemory = CKR_DEVICE_MEMORY,
    DeviceRemoved = CKR_DEVICE_REMOVED,
    DomainParamsInvalid = CKR_DOMAIN_PARAMS_INVALID,
    EncryptedDataInvalid = CKR_ENCRYPTED_DATA_INVALID,
    EncryptedDataLenRange = CKR_ENCRYPTED_DATA_LEN_RANGE,
    FunctionFailed = CKR_FUNCTION_FAILED,
    FunctionNotParallel = CKR_FUNCTION_NOT_PARALLEL,
    FunctionNotSupported = CKR_FUNCTION_NOT_SUPPORTED,
    GeneralError = CKR_GENERAL_ERROR,
    HostMemory = CKR_HOST_MEMORY,
    KeyFunctionNotPermitted = CKR_KEY_FUNCTION_NOT_PERMITTED,
    KeyHandleInvalid = CKR_KEY_HANDLE_INVALID,
    KeyIndigestible = CKR_KEY_INDIGESTIBLE,
    KeyNotNeeded = CKR_KEY_NOT_NEEDED,
    KeyNotWrappable = CKR_KEY_NOT_WRAPPABLE,
    KeySizeRange = CKR_KEY_SIZE_RANGE,
    KeyTypeInconsistent = CKR_KEY_TYPE_INCONSISTENT,
    KeyUnextractable = CKR_KEY_UNEXTRACTABLE,
    // Between the rooms: the token's keys were renewed meanwhile, so what was made with them is made again.
    KeysRenewed = CKR_FUNCTION_FAILED,
    MechanismInvalid = CKR_MECHANISM_INVALID,
    MechanismParamInvalid = CKR_MECHANISM_PARAM_INVALID,
    NeedToCreateThreads = CKR_NEED_TO_CREATE_THREADS,
    NoEvent = CKR_NO_EVENT,
    ObjectHandleInvalid = CKR_OBJECT_HANDLE_INVALID,
    OperationActive = CKR_OPERATION_ACTIVE,
    OperationCancelFailed = CKR_OPERATION_CANCEL_FAILED,
    OperationNotInitialized = CKR_OPERATION_NOT_INITIALIZED,
    ParameterSetNotSupported = CKR_PARAMETER_SET_NOT_SUPPORTED,
    PinIncorrect = CKR_PIN_INCORRECT,
    PinInvalid = CKR_PIN_INVALID,
    PinLenRange = CKR_PIN_LEN_RANGE,
    PinLocked = CKR_PIN_LOCKED,
    PublicKeyInvalid = CKR_PUBLIC_KEY_INVALID,
    RandomSeedNotSupported = CKR_RANDOM_SEED_NOT_SUPPORTED,
    SavedStateInvalid = CKR_SAVED_STATE_INVALID,
    SessionAsyncNotSupported = CKR_SESSION_ASYNC_NOT_SUPPORTED,
    SessionClosed = CKR_SESSION_CLOSED,
    SessionCount = CKR_SESSION_COUNT,
    SessionExists = CKR_SESSION_EXISTS,
    SessionHandleInvalid = CKR_SESSION_HANDLE_INVALID,
    SessionParallelNotSupported = CKR_SESSION_PARALLEL_NOT_SUPPORTED,
    SessionReadOnly = CKR_SESSION_READ_ONLY,
    SessionReadOnlyExists = CKR_SESSION_READ_ONLY_EXISTS,
    SessionReadWriteSoExists = CKR_SESSION_READ_WRITE_SO_EXISTS,
    SignatureInvalid = CKR_SIGNATURE_INVALID,
    SignatureLenRange = CKR_SIGNATURE_LEN_RANGE,
    SlotIdInvalid = CKR_SLOT_ID_INVALID,
    StateUnsaveable = CKR_STATE_UNSAVEABLE,
    TemplateIncomplete = CKR_TEMPLATE_INCOMPLETE,
    TemplateInconsistent = CKR_TEMPLATE_INCONSISTENT,
    TokenNotInitialized = CKR_TOKEN_NOT_INITIALIZED,
    TokenNotPresent = CKR_TOKEN_NOT_PRESENT,
    TokenNotRecognized = CKR_TOKEN_NOT_RECOGNIZED,
    TokenWriteProtected = CKR_TOKEN_WRITE_PROTECTED,
    // What rests could not be read or written, by no fault of what it is: told apart inside, so that nobody
    // is told of an alteration where a disk failed.
    Unread = CKR_DEVICE_ERROR,
    UnwrappingKeyHandleInvalid = CKR_UNWRAPPING_KEY_HANDLE_INVALID,
    UnwrappingKeySizeRange = CKR_UNWRAPPING_KEY_SIZE_RANGE,
    UnwrappingKeyTypeInconsistent = CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
    UserAlreadyLoggedIn = CKR_USER_ALREADY_LOGGED_IN,
    UserAnotherAlreadyLoggedIn = CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
    UserNotLoggedIn = CKR_USER_NOT_LOGGED_IN,
    UserPinNotInitialized = CKR_USER_PIN_NOT_INITIALIZED,
    UserTypeInvalid = CKR_USER_TYPE_INVALID,
    WrappedKeyInvalid = CKR_WRAPPED_KEY_INVALID,
    WrappedKeyLenRange = CKR_WRAPPED_KEY_LEN_RANGE,
    WrappingKeyHandleInvalid = CKR_WRAPPING_KEY_HANDLE_INVALID,
    WrappingKeySizeRange = CKR_WRAPPING_KEY_SIZE_RANGE,
    WrappingKeyTypeInconsistent = CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
}

impl Error {
    /// Whether it is of what surrounds what rests (the disk, memory, locks, another process) and says
    /// nothing of what rests there.
    pub fn is_of_surroundings(self) -> bool {
        matches!(
            self,
            Error::Unread
                | Error::DeviceMemory
                | Error::DeviceRemoved
                | Error::FunctionFailed
                | Error::HostMemory
                | Error::KeysRenewed
                | Error::TokenWriteProtected
        )
    }
}

/// What was read; none where what rests is not what it should be. What surrounds it is an error.
pub fn where_right<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if !error.is_of_surroundings() => Ok(None),
        result => result.map(Some),
    }
}

/// The result of everything that can fail in the library.
pub type Result<T> = std::result::Result<T, Error>;

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Error {}
