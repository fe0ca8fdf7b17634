//! The macros that turn a table of fields into a Kafka message.
//!
//! ```ignore
//! api! { Produce, versions 3..=13, flexible 9: ProduceRequest<'a> => ProduceResponse<'a> }
//!
//! structs! {
//!     /// What a client asks for.
//!     pub struct ProduceRequest<'a> {
//!         /// Present from version 3, may be null in all of them.
//!         transactional_id: Option<&'a str> [3..],
//!         /// Present in all versions, −1 unless set.
//!         acks: i16 [..] = -1,
//!         /// May be null from version 5 only.
//!         rack: Option<&'a str> [1.., nullable 5..],
//!         /// A tagged field (KIP-482), tag 0.
//!         cluster_id: Option<&'a str> [12.., tag 0],
//!     }
//! }
//! ```
//!
//! A field that the version at hand does not have keeps its default when read, and is left out when
//! written, whatever its value: callers fill in all they know, and older clients get what they can
//! understand. (Kafka throws for the few such fields that its schema does not call ignorable.)
//!
//! Tagged fields must stand in ascending order of their tags, and are written unless they have
//! their default value.

use super::api::ApiKey;
use super::{DecodeError, Shape, Sink, Source};
use std::ops::RangeInclusive;

/// The body of a request or a response.
pub trait Message<'de>: Sized + Default {
    /// The API that it belongs to.
    const KEY: ApiKey;
    /// The versions that it can be read and written in.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with compact lengths and tagged fields (KIP-482).
    const FLEXIBLE: i16;

    /// Reads the body. Bytes that follow it are left in the source: Kafka ignores them.
    fn decode<S: Source<'de>>(source: &mut S, version: i16) -> Result<Self, DecodeError>;

    /// Writes the body.
    ///
    /// # Panics
    /// If the message has no such version.
    fn encode<S: Sink>(&self, sink: &mut S, version: i16);
}

/// The body of a request.
pub trait Request<'de>: Message<'de> {
    /// What answers it.
    type Response<'a>: Message<'a>;
}

/// The shape of a message's body in `version`, if the message has that version.
pub(super) fn message_shape(
    version: i16,
    versions: RangeInclusive<i16>,
    flexible: i16,
) -> Result<Shape, DecodeError> {
    if versions.contains(&version) {
        return Ok(Shape { version, flexible: version >= flexible, nullable: false });
    }
    Err(DecodeError::UnsupportedVersion { version, min: *versions.start(), max: *versions.end() })
}

/// Ties a request and its response to their API, versions, and first flexible version.
macro_rules! api {
    (
        $key:ident, versions $versions:expr, flexible $flexible:literal:
        $request:ident $(<$request_lifetime:lifetime>)?
        => $response:ident $(<$response_lifetime:lifetime>)?
    ) => {
        api! { @message $key, $versions, $flexible, $request $(<$request_lifetime>)? }
        api! { @message $key, $versions, $flexible, $response $(<$response_lifetime>)? }

        impl<'de $(: $request_lifetime)? $(, $request_lifetime)?>
            $crate::wire::Request<'de> for $request $(<$request_lifetime>)?
        {
            type Response<'r> = api!(@lifetime 'r $response $(<$response_lifetime>)?);
        }
    };
    (@lifetime $lifetime:lifetime $name:ident <$_:lifetime>) => { $name<$lifetime> };
    (@lifetime $lifetime:lifetime $name:ident) => { $name };
    (@message $key:ident, $versions:expr, $flexible:literal,
        $name:ident $(<$lifetime:lifetime>)?) => {
        impl<'de $(: $lifetime)? $(, $lifetime)?>
            $crate::wire::Message<'de> for $name $(<$lifetime>)?
        {
            const KEY: $crate::wire::ApiKey = $crate::wire::ApiKey::$key;
            const VERSIONS: std::ops::RangeInclusive<i16> = $versions;
            const FLEXIBLE: i16 = $flexible;

            fn decode<S: $crate::wire::Source<'de>>(
                source: &mut S,
                version: i16,
            ) -> Result<Self, $crate::wire::DecodeError> {
                let shape =
                    $crate::wire::schema::message_shape(version, Self::VERSIONS, Self::FLEXIBLE)?;
                $crate::wire::field::Decode::read(source, shape)
            }

            fn encode<S: $crate::wire::Sink>(&self, sink: &mut S, version: i16) {
                match $crate::wire::schema::message_shape(version, Self::VERSIONS, Self::FLEXIBLE)
                {
                    Ok(shape) => $crate::wire::field::Encode::write(self, sink, shape),
                    Err(error) => panic!("{} cannot be encoded: {error}", stringify!($name)),
                }
            }
        }
    };
}

/// Defines structs, with their defaults, from tables of fields.
macro_rules! structs {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident $(<$lifetime:lifetime>)? {
            $(
                $(#[$field_meta:meta])*
                $field:ident: $type:ty
                    [$versions:expr $(, nullable $nullable:expr)? $(, tag $tag:literal)?]
                    $(= $default:expr)?
            ),* $(,)?
        }
    )*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name $(<$lifetime>)? {
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        impl $(<$lifetime>)? Default for $name $(<$lifetime>)? {
            fn default() -> Self {
                Self { $( $field: structs!(@default $($default)?), )* }
            }
        }

        impl<'de $(: $lifetime)? $(, $lifetime)?>
            $crate::wire::field::Decode<'de> for $name $(<$lifetime>)?
        {
            fn size_min(shape: $crate::wire::Shape) -> usize {
                // The count of tagged fields takes a byte.
                let mut size = usize::from(shape.flexible);
                $(
                    let place = structs!(@place shape [$versions] [$($nullable)?] [$($tag)?]);
                    if place.is_inline() {
                        size += <$type as $crate::wire::field::Decode<'de>>::size_min(place.shape);
                    }
                )*
                size
            }

            fn read<S: $crate::wire::Source<'de>>(
                source: &mut S,
                shape: $crate::wire::Shape,
            ) -> Result<Self, $crate::wire::DecodeError> {
                let mut value = Self::default();
                $(
                    let place = structs!(@place shape [$versions] [$($nullable)?] [$($tag)?]);
                    if place.is_inline() {
                        value.$field = $crate::wire::field::Decode::read(source, place.shape)?;
                    }
                )*
                if shape.flexible {
                    source.tagged(|source, tag| {
                        $(
                            let place =
                                structs!(@place shape [$versions] [$($nullable)?] [$($tag)?]);
                            if place.is_tagged(tag) {
                                value.$field =
                                    $crate::wire::field::Decode::read(source, place.shape)?;
                                return Ok(true);
                            }
                        )*
                        Ok(false)
                    })?;
                }
                Ok(value)
            }
        }

        impl<'de $(: $lifetime)? $(, $lifetime)?>
            $crate::wire::field::DecodeNullable<'de> for $name $(<$lifetime>)?
        {
            fn read_nullable<S: $crate::wire::Source<'de>>(
                source: &mut S,
                shape: $crate::wire::Shape,
            ) -> Result<Option<Self>, $crate::wire::DecodeError> {
                if source.present()? {
                    $crate::wire::field::Decode::read(source, shape).map(Some)
                } else {
                    Ok(None)
                }
            }

            fn size_min_nullable(_: $crate::wire::Shape) -> usize {
                1
            }
        }

        impl $(<$lifetime>)? $crate::wire::field::Encode for $name $(<$lifetime>)? {
            fn write<S: $crate::wire::Sink>(&self, sink: &mut S, shape: $crate::wire::Shape) {
                let mut tagged_count = 0u32;
                $(
                    let place = structs!(@place shape [$versions] [$($nullable)?] [$($tag)?]);
                    let default: $type = structs!(@default $($default)?);
                    // The tag to write the field with, if it is one with a tag.
                    let $field = place.tag.filter(|_| place.is_present && self.$field != default);
                    if place.is_inline() {
                        $crate::wire::field::Encode::write(&self.$field, sink, place.shape);
                    }
                    tagged_count += u32::from($field.is_some());
                )*
                if shape.flexible {
                    $crate::wire::field::put_unsigned_varint(sink, tagged_count);
                    $( if let Some(tag) = $field {
                        let place = structs!(@place shape [$versions] [$($nullable)?] [$($tag)?]);
                        $crate::wire::schema::write_tagged(tag, &self.$field, sink, place.shape);
                    } )*
                }
            }
        }

        impl $(<$lifetime>)? $crate::wire::field::EncodeNullable for $name $(<$lifetime>)? {
            fn write_nullable<S: $crate::wire::Sink>(
                value: Option<&Self>,
                sink: &mut S,
                shape: $crate::wire::Shape,
            ) {
                let marker = if value.is_some() { 1i8 } else { -1 };
                $crate::wire::field::Encode::write(&marker, sink, shape);
                if let Some(value) = value {
                    $crate::wire::field::Encode::write(value, sink, shape);
                }
            }
        }
    )* };

    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
    (@place $shape:ident [$versions:expr] [$($nullable:expr)?] [$($tag:literal)?]) => {
        $crate::wire::schema::Place {
            is_present: std::ops::RangeBounds::<i16>::contains(&$versions, &$shape.version),
            shape: $shape.nullable(structs!(@nullable $shape $($nullable)?)),
            tag: structs!(@tag $($tag)?),
        }
    };
    (@nullable $shape:ident) => { true };
    (@nullable $shape:ident $nullable:expr) => {
        std::ops::RangeBounds::<i16>::contains(&$nullable, &$shape.version)
    };
    (@tag) => { None::<u32> };
    (@tag $tag:literal) => { Some::<u32>($tag) };
}

/// Where a field stands in the version at hand, and how it looks there.
///
/// All of it but the version is known at compile time, so that little is left of it in the code.
pub(super) struct Place {
    /// Whether the version has the field.
    pub is_present: bool,
    /// How the field looks.
    pub shape: Shape,
    /// The field's tag, if it is a tagged one.
    pub tag: Option<u32>,
}

impl Place {
    /// Whether it stands among the fields in order.
    #[inline]
    pub fn is_inline(&self) -> bool {
        self.is_present && self.tag.is_none()
    }

    /// Whether it is the tagged field `tag`.
    #[inline]
    pub fn is_tagged(&self, tag: u32) -> bool {
        self.is_present && self.tag == Some(tag)
    }
}

/// Writes one tagged field: the tag, the size of the value, the value.
pub(super) fn write_tagged<T: super::field::Encode, S: Sink>(
    tag: u32,
    value: &T,
    sink: &mut S,
    shape: Shape,
) {
    let mut measure = super::Measure::default();
    value.write(&mut measure, shape);
    // Where it does not fit, the frame is too long, and is refused when it ends.
    let size = u32::try_from(measure.size).unwrap_or(u32::MAX);
    super::field::put_unsigned_varint(sink, tag);
    super::field::put_unsigned_varint(sink, size);
    value.write(sink, shape);
}

pub(super) use {api, structs};
