//! Values that are likely to hurt, in place of any bytes of a frame.

/// Lengths and counts of 2³¹−1, −1, −2 and −2³¹ in each form, varints without an end, and single
/// extreme bytes.
pub const EXTREMES: [&[u8]; 12] = [
    &[0x00],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0x7f, 0xff],
    &[0xff, 0xfe],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xfe],
    &[0x80, 0x00, 0x00, 0x00],
    &[0x80, 0x80, 0x80, 0x80, 0x08],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff; 12],
];

/// Puts an extreme value in place of the bytes of `frame` at `at`.
pub fn put_extreme(frame: &mut Vec<u8>, at: usize, extreme: &[u8]) {
    let end = frame.len().min(at + extreme.len());
    frame.splice(at..end, extreme.iter().copied());
}
