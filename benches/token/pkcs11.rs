// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A small PKCS #11 caller: a module opened with `dlopen`, called through the pointers of its own
//! function list, as applications do. Nothing is kept or looked up between the caller and the call.
#![allow(unsafe_code)] // The C interface; every block says why it is sound.

use std::ffi::{OsStr, c_void};
use std::marker::PhantomData;
use std::ptr;

use cryptoki_sys::*;

use crate::failure::Failure;

/// Calls one function of the list and turns anything but `CKR_OK` into a failure.
macro_rules! call {
    ($list:expr, $name:ident($($argument:expr),* $(,)?)) => {{
        let function = $list
            .$name
            .ok_or_else(|| Failure::say(concat!(stringify!($name), " is not in the list")))?;
        // SAFETY: the list is the module's own; each pointer given is made, on this line, from a
        // borrow that outlives the call, with the length that belongs to it.
        let rv = unsafe { function($($argument),*) };
        if rv != CKR_OK {
            return Err(Failure::call(stringify!($name), rv));
        }
    }};
}

/// The function list of a loaded module.
#[derive(Clone, Copy)]
pub(crate) struct Module {
    list: &'static CK_FUNCTION_LIST,
}

impl Module {
    /// Loads the module, asks it for its list and initialises it for use by several threads.
    pub(crate) fn open(path: &OsStr) -> Result<Self, Failure> {
        let shown = path.to_string_lossy();
        // SAFETY: the file is a PKCS #11 module that the caller of the benchmark chose to run.
        let library = unsafe { libloading::Library::new(path) }
            .map_err(|error| Failure::say(format!("{shown}: {error}")))?;
        // The function list points into the library, so it stays loaded.
        let library: &'static libloading::Library = Box::leak(Box::new(library));
        type Entry = unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV;
        // SAFETY: PKCS #11 fixes the type of this symbol.
        let entry = unsafe { library.get::<Entry>(b"C_GetFunctionList\0") }
            .map_err(|error| Failure::say(format!("{shown}: {error}")))?;
        let mut list: *mut CK_FUNCTION_LIST = ptr::null_mut();
        // SAFETY: the argument is a place for one pointer.
        let rv = unsafe { entry(&mut list) };
        if rv != CKR_OK {
            return Err(Failure::call("C_GetFunctionList", rv));
        }
        // SAFETY: after CKR_OK it points to the module's static list, or is NULL.
        let list = unsafe { list.as_ref() }
            .ok_or_else(|| Failure::say(format!("{shown}: no function list")))?;
        Ok(Self { list })
    }

    pub(crate) fn initialize(&self) -> Result<(), Failure> {
        let mut arguments = CK_C_INITIALIZE_ARGS {
            CreateMutex: None,
            DestroyMutex: None,
            LockMutex: None,
            UnlockMutex: None,
            flags: CKF_OS_LOCKING_OK,
            pReserved: ptr::null_mut(),
        };
        call!(self.list, C_Initialize(ptr::from_mut(&mut arguments).cast::<c_void>()));
        Ok(())
    }

    pub(crate) fn finalize(&self) -> Result<(), Failure> {
        call!(self.list, C_Finalize(ptr::null_mut()));
        Ok(())
    }

    pub(crate) fn slots(&self) -> Result<Vec<CK_SLOT_ID>, Failure> {
        let mut count: CK_ULONG = 0;
        call!(self.list, C_GetSlotList(CK_FALSE, ptr::null_mut(), &mut count));
        let mut slots = vec![0; count as usize];
        call!(self.list, C_GetSlotList(CK_FALSE, slots.as_mut_ptr(), &mut count));
        slots.truncate(count as usize);
        Ok(slots)
    }

    /// The label of the token in the slot, without its padding.
    pub(crate) fn label(&self, slot: CK_SLOT_ID) -> Result<String, Failure> {
        let mut info = CK_TOKEN_INFO::default();
        call!(self.list, C_GetTokenInfo(slot, &mut info));
        Ok(String::from_utf8_lossy(&info.label).trim_end().to_owned())
    }

    pub(crate) fn init_token(
        &self,
        slot: CK_SLOT_ID,
        pin: &str,
        label: &str,
    ) -> Result<(), Failure> {
        let mut pin = pin.as_bytes().to_vec();
        let mut padded = format!("{label:32}").into_bytes();
        call!(
            self.list,
            C_InitToken(slot, pin.as_mut_ptr(), pin.len() as CK_ULONG, padded.as_mut_ptr())
        );
        Ok(())
    }

    pub(crate) fn session(&self, slot: CK_SLOT_ID) -> Result<Session, Failure> {
        let mut handle: CK_SESSION_HANDLE = 0;
        call!(
            self.list,
            C_OpenSession(
                slot,
                CKF_SERIAL_SESSION | CKF_RW_SESSION,
                ptr::null_mut(),
                None,
                &mut handle
            )
        );
        Ok(Session { list: self.list, handle })
    }
}

/// An open read/write session.
pub(crate) struct Session {
    list: &'static CK_FUNCTION_LIST,
    handle: CK_SESSION_HANDLE,
}

impl Session {
    pub(crate) fn login(&self, user: CK_USER_TYPE, pin: &str) -> Result<(), Failure> {
        let mut pin = pin.as_bytes().to_vec();
        call!(self.list, C_Login(self.handle, user, pin.as_mut_ptr(), pin.len() as CK_ULONG));
        Ok(())
    }

    pub(crate) fn logout(&self) -> Result<(), Failure> {
        call!(self.list, C_Logout(self.handle));
        Ok(())
    }

    pub(crate) fn init_pin(&self, pin: &str) -> Result<(), Failure> {
        let mut pin = pin.as_bytes().to_vec();
        call!(self.list, C_InitPIN(self.handle, pin.as_mut_ptr(), pin.len() as CK_ULONG));
        Ok(())
    }

    pub(crate) fn generate(
        &self,
        mechanism: CK_MECHANISM_TYPE,
        template: &mut [Attribute<'_>],
    ) -> Result<CK_OBJECT_HANDLE, Failure> {
        let mut mechanism = bare(mechanism);
        let mut key: CK_OBJECT_HANDLE = 0;
        call!(
            self.list,
            C_GenerateKey(
                self.handle,
                &mut mechanism,
                template.as_mut_ptr().cast(),
                template.len() as CK_ULONG,
                &mut key
            )
        );
        Ok(key)
    }

    pub(crate) fn create(
        &self,
        template: &mut [Attribute<'_>],
    ) -> Result<CK_OBJECT_HANDLE, Failure> {
        let mut object: CK_OBJECT_HANDLE = 0;
        call!(
            self.list,
            C_CreateObject(
                self.handle,
                template.as_mut_ptr().cast(),
                template.len() as CK_ULONG,
                &mut object
            )
        );
        Ok(object)
    }

    /// So many of the objects that match, in calls for a hundred each.
    pub(crate) fn find_all(
        &self,
        template: &mut [Attribute<'_>],
        most: usize,
    ) -> Result<Vec<CK_OBJECT_HANDLE>, Failure> {
        let (mut all, mut batch) = (Vec::new(), [0; 100]);
        call!(
            self.list,
            C_FindObjectsInit(
                self.handle,
                template.as_mut_ptr().cast(),
                template.len() as CK_ULONG
            )
        );
        while all.len() < most {
            let mut count: CK_ULONG = 0;
            call!(self.list, C_FindObjects(self.handle, batch.as_mut_ptr(), 100, &mut count));
            if count == 0 {
                break;
            }
            all.extend(batch.iter().take(count as usize));
        }
        call!(self.list, C_FindObjectsFinal(self.handle));
        all.truncate(most);
        Ok(all)
    }

    /// Makes a key pair and returns the private key.
    pub(crate) fn generate_pair(
        &self,
        mechanism: CK_MECHANISM_TYPE,
        public: &mut [Attribute<'_>],
        private: &mut [Attribute<'_>],
    ) -> Result<CK_OBJECT_HANDLE, Failure> {
        let mut mechanism = bare(mechanism);
        let (mut public_key, mut private_key): (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) = (0, 0);
        call!(
            self.list,
            C_GenerateKeyPair(
                self.handle,
                &mut mechanism,
                public.as_mut_ptr().cast(),
                public.len() as CK_ULONG,
                private.as_mut_ptr().cast(),
                private.len() as CK_ULONG,
                &mut public_key,
                &mut private_key,
            )
        );
        Ok(private_key)
    }

    pub(crate) fn destroy(&self, object: CK_OBJECT_HANDLE) -> Result<(), Failure> {
        call!(self.list, C_DestroyObject(self.handle, object));
        Ok(())
    }

    /// `C_SignInit` and `C_Sign`; returns the length of the signature.
    #[inline]
    pub(crate) fn sign(
        &self,
        mechanism: CK_MECHANISM_TYPE,
        key: CK_OBJECT_HANDLE,
        data: &mut [u8],
        signature: &mut [u8],
    ) -> Result<usize, Failure> {
        let mut mechanism = bare(mechanism);
        let mut length = signature.len() as CK_ULONG;
        call!(self.list, C_SignInit(self.handle, &mut mechanism, key));
        call!(
            self.list,
            C_Sign(
                self.handle,
                data.as_mut_ptr(),
                data.len() as CK_ULONG,
                signature.as_mut_ptr(),
                &mut length
            )
        );
        Ok(length as usize)
    }

    /// `C_EncryptInit` with AES-GCM, 96-bit IV and 128-bit tag, and `C_Encrypt`.
    #[inline]
    pub(crate) fn seal(
        &self,
        key: CK_OBJECT_HANDLE,
        iv: &mut [u8; 12],
        data: &mut [u8],
        sealed: &mut [u8],
    ) -> Result<usize, Failure> {
        let mut parameters = CK_GCM_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvBits: 96,
            pAAD: ptr::null_mut(),
            ulAADLen: 0,
            ulTagBits: 128,
        };
        let mut mechanism = CK_MECHANISM {
            mechanism: CKM_AES_GCM,
            pParameter: ptr::from_mut(&mut parameters).cast(),
            ulParameterLen: size_of::<CK_GCM_PARAMS>() as CK_ULONG,
        };
        let mut length = sealed.len() as CK_ULONG;
        call!(self.list, C_EncryptInit(self.handle, &mut mechanism, key));
        call!(
            self.list,
            C_Encrypt(
                self.handle,
                data.as_mut_ptr(),
                data.len() as CK_ULONG,
                sealed.as_mut_ptr(),
                &mut length
            )
        );
        Ok(length as usize)
    }

    /// `C_GetAttributeValue` of one attribute; returns its length.
    #[inline]
    pub(crate) fn attribute(
        &self,
        object: CK_OBJECT_HANDLE,
        kind: CK_ATTRIBUTE_TYPE,
        value: &mut [u8],
    ) -> Result<usize, Failure> {
        let mut row = CK_ATTRIBUTE {
            type_: kind,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: value.len() as CK_ULONG,
        };
        call!(self.list, C_GetAttributeValue(self.handle, object, &mut row, 1));
        Ok(row.ulValueLen as usize)
    }

    /// A whole search: `C_FindObjectsInit`, one `C_FindObjects`, `C_FindObjectsFinal`. The room in
    /// `found` for two handles lets that one call also say that there is no second match.
    #[inline]
    pub(crate) fn find(
        &self,
        template: &mut [Attribute<'_>],
        found: &mut [CK_OBJECT_HANDLE; 2],
    ) -> Result<usize, Failure> {
        let mut count: CK_ULONG = 0;
        call!(
            self.list,
            C_FindObjectsInit(
                self.handle,
                template.as_mut_ptr().cast(),
                template.len() as CK_ULONG
            )
        );
        call!(self.list, C_FindObjects(self.handle, found.as_mut_ptr(), 2, &mut count));
        call!(self.list, C_FindObjectsFinal(self.handle));
        Ok(count as usize)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(close) = self.list.C_CloseSession {
            // SAFETY: takes no pointer.
            unsafe { close(self.handle) };
        }
    }
}

/// One row of a template, borrowing its value.
#[repr(transparent)]
pub(crate) struct Attribute<'a> {
    row: CK_ATTRIBUTE,
    value: PhantomData<&'a [u8]>,
}

impl<'a> Attribute<'a> {
    pub(crate) fn bytes(kind: CK_ATTRIBUTE_TYPE, value: &'a [u8]) -> Self {
        Self {
            row: CK_ATTRIBUTE {
                type_: kind,
                // A template's values are only read by the functions it is given to here.
                pValue: value.as_ptr().cast_mut().cast(),
                ulValueLen: value.len() as CK_ULONG,
            },
            value: PhantomData,
        }
    }

    pub(crate) fn flag(kind: CK_ATTRIBUTE_TYPE, value: bool) -> Self {
        Self::bytes(kind, if value { &[CK_TRUE] } else { &[CK_FALSE] })
    }

    pub(crate) fn number(kind: CK_ATTRIBUTE_TYPE, value: &'a CK_ULONG) -> Self {
        Self {
            row: CK_ATTRIBUTE {
                type_: kind,
                pValue: ptr::from_ref(value).cast_mut().cast(),
                ulValueLen: size_of::<CK_ULONG>() as CK_ULONG,
            },
            value: PhantomData,
        }
    }
}

fn bare(mechanism: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM { mechanism, pParameter: ptr::null_mut(), ulParameterLen: 0 }
}
