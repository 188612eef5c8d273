//! The entity that is uploaded.

use crate::vocabulary::ContentName;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::limits::MAX_ENTITY_SIZE;

/// The entity that is uploaded (`UploadEntityInfo`, §3.1.1.1): its size, and perhaps a name. The bytes stay with the caller.
///
/// ```
/// use bits_proto::client::Entity;
///
/// let entity = Entity::new(4892)?.named("rfc2119.txt")?;
/// assert_eq!(entity.size(), 4892);
/// # Ok::<(), bits_proto::InvalidValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Entity {
    size: u64,
    #[cfg_attr(feature = "arbitrary", arbitrary(with = crate::vocabulary::arbitrary_content_name))]
    name: Option<ContentName<'static>>,
    validator: Option<String>,
}

impl Entity {
    /// An entity of `size` bytes.
    ///
    /// # Errors
    /// [`InvalidValue::EntitySize`] for 2^63 bytes or more.
    pub const fn new(size: u64) -> Result<Self, InvalidValue> {
        if size <= MAX_ENTITY_SIZE {
            Ok(Self { size, name: None, validator: None })
        } else {
            Err(InvalidValue::EntitySize)
        }
    }

    /// The entity with the name of its local file, which is sent as `Content-Name`.
    ///
    /// # Errors
    /// [`InvalidValue::ContentName`] unless it is a bare name: see [`ContentName::new`].
    pub fn named(self, name: impl Into<String>) -> Result<Self, InvalidValue> {
        Ok(Self { name: Some(ContentName::new(name.into())?), ..self })
    }

    /// The entity with a validator: a text that changes whenever the bytes do, such as a time of modification, a hash or a
    /// generation. A restored upload compares it. It is never sent.
    #[must_use]
    pub fn with_validator(self, validator: impl Into<String>) -> Self {
        Self { validator: Some(validator.into()), ..self }
    }

    /// The validator: a text that changes whenever the bytes do.
    #[must_use]
    pub fn validator(&self) -> Option<&str> {
        self.validator.as_deref()
    }

    /// Whether the bytes are others, as far as size and validator tell.
    pub(super) fn differs_from(&self, other: &Self) -> bool {
        (self.size, &self.validator) != (other.size, &other.validator)
    }

    /// Its size in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The name of its local file.
    #[must_use]
    pub const fn name(&self) -> Option<&ContentName<'static>> {
        self.name.as_ref()
    }
}
