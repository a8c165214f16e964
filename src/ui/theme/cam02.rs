//! CAM02-UCS: a colour space in which equal distances look equally different. Ramps are
//! interpolated in it, so that equal steps of a value are equal steps to the eye.
//!
//! Sources: CIE 159:2004 (CIECAM02); M. R. Luo, G. Cui, C. Li, "Uniform colour spaces based on
//! CIECAM02 colour appearance model", Color Research & Application 31 (2006). Viewing conditions
//! are those of sRGB: white D65, adapting luminance 64/(5π) cd/m², background 20 %, average surround.

use crate::ui::theme::color::Rgb;

/// A colour in CAM02-UCS.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Ucs {
    /// Lightness J', 0..100.
    pub j: f64,
    /// Red against green.
    pub a: f64,
    /// Yellow against blue.
    pub b: f64,
}

type V3 = [f64; 3];
type M3 = [V3; 3];

/// sRGB primaries to XYZ, Y of white = 1 (IEC 61966-2-1).
const RGB_XYZ: M3 = [[0.412_4, 0.357_6, 0.180_5], [0.212_6, 0.715_2, 0.072_2], [0.019_3, 0.119_2, 0.950_5]];
const CAT02: M3 = [[0.732_8, 0.429_6, -0.162_4], [-0.703_6, 1.697_5, 0.006_1], [0.003_0, 0.013_6, 0.983_4]];
const HPE: M3 = [[0.389_71, 0.688_98, -0.078_68], [-0.229_81, 1.183_40, 0.046_41], [0.0, 0.0, 1.0]];
/// D65, Y = 100.
const WHITE: V3 = [95.047, 100.0, 108.883];
const SURROUND_C: f64 = 0.69;
/// Background luminance relative to white: n.
const N: f64 = 0.2;
const C1: f64 = 0.007;
const C2: f64 = 0.0228;

fn mul(m: &M3, v: V3) -> V3 {
    m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

fn inverse(m: &M3) -> M3 {
    let minor = |r: usize, c: usize| {
        let (r0, r1, c0, c1) = ((r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3);
        m[r0][c0] * m[r1][c1] - m[r0][c1] * m[r1][c0]
    };
    let det = m[0][0] * minor(0, 0) + m[0][1] * minor(0, 1) + m[0][2] * minor(0, 2);
    std::array::from_fn(|r| std::array::from_fn(|c| minor(c, r) / det))
}

/// What follows from the viewing conditions alone.
struct View {
    /// Luminance-level adaptation factor.
    fl: f64,
    /// Chromatic induction factor (both of them are equal).
    nbb: f64,
    z: f64,
    /// Degree of adaptation applied to each cone of CAT02.
    gain: V3,
    /// Achromatic response of white.
    aw: f64,
}

impl View {
    fn new() -> Self {
        let la = 64.0 / std::f64::consts::PI / 5.0;
        let k: f64 = 1.0 / (5.0 * la + 1.0);
        let k4 = k.powi(4);
        let fl = 0.2 * k4 * (5.0 * la) + 0.1 * (1.0 - k4).powi(2) * (5.0 * la).cbrt();
        let d = 1.0 - (1.0 / 3.6) * ((-la - 42.0) / 92.0).exp();
        let gain = mul(&CAT02, WHITE).map(|w| WHITE[1] * d / w + 1.0 - d);
        let mut view = Self { fl, nbb: 0.725 * (1.0 / N).powf(0.2), z: 1.48 + N.sqrt(), gain, aw: 1.0 };
        let [r, g, b] = view.cones(WHITE);
        view.aw = (2.0 * r + g + b / 20.0) * view.nbb;
        view
    }

    /// Post-adaptation cone responses, without the constant 0.1 of the standard: it cancels in
    /// opponent colours and is added back where it does not.
    fn cones(&self, xyz: V3) -> V3 {
        let rgb = mul(&CAT02, xyz);
        let adapted = std::array::from_fn(|i| rgb[i] * self.gain[i]);
        mul(&HPE, mul(&inverse(&CAT02), adapted)).map(|v| {
            let x = (self.fl * v.abs() / 100.0).powf(0.42);
            400.0 * x / (x + 27.13) * v.signum()
        })
    }

    fn xyz(&self, cones: V3) -> V3 {
        let linear = cones.map(|v| {
            let x = v.abs().min(399.999);
            (27.13 * x / (400.0 - x)).powf(1.0 / 0.42) * 100.0 / self.fl * v.signum()
        });
        let adapted = mul(&CAT02, mul(&inverse(&HPE), linear));
        mul(&inverse(&CAT02), std::array::from_fn(|i| adapted[i] / self.gain[i]))
    }

    /// The factor between eccentricity and t, without hue.
    fn p1(&self, hue: f64) -> f64 {
        50_000.0 / 13.0 * self.nbb * 0.25 * ((hue + 2.0).cos() + 3.8)
    }
}

/// Dependence of chroma on the background.
fn background() -> f64 {
    (1.64 - 0.29f64.powf(N)).powf(0.73)
}

impl Ucs {
    /// Distance dE': about 1 is just noticeable side by side.
    #[must_use]
    pub fn distance(self, o: Self) -> f64 {
        ((self.j - o.j).powi(2) + (self.a - o.a).powi(2) + (self.b - o.b).powi(2)).sqrt()
    }

    /// The point at `t` in 0..=1 on the straight line to `o`.
    #[must_use]
    pub fn mix(self, o: Self, t: f64) -> Self {
        let line = |x: f64, y: f64| x + (y - x) * t;
        Self { j: line(self.j, o.j), a: line(self.a, o.a), b: line(self.b, o.b) }
    }

    /// The nearest sRGB colour; what lies outside of the gamut is clipped by channel.
    #[must_use]
    pub fn rgb(self) -> Rgb {
        if self.j <= 0.0 {
            return Rgb(0, 0, 0);
        }
        let view = View::new();
        let j = self.j / (1.0 + C1 * (100.0 - self.j));
        let hue = self.b.atan2(self.a);
        let m = ((C2 * self.a.hypot(self.b)).exp() - 1.0) / C2;
        let t = (m / view.fl.powf(0.25) / ((j / 100.0).sqrt() * background())).powf(1.0 / 0.9);
        let p2 = view.aw * (j / 100.0).powf(1.0 / (SURROUND_C * view.z)) / view.nbb;
        let gamma =
            23.0 * (p2 + 0.305) * t / (23.0 * view.p1(hue) + 11.0 * t * hue.cos() + 108.0 * t * hue.sin());
        let (a, b) = (gamma * hue.cos(), gamma * hue.sin());
        let cones = [451.0 * a + 288.0 * b, -891.0 * a - 261.0 * b, -220.0 * a - 6300.0 * b]
            .map(|v| (460.0 * p2 + v) / 1403.0);
        Rgb::from_linear(mul(&inverse(&RGB_XYZ), view.xyz(cones).map(|v| v / 100.0)))
    }
}

impl From<Rgb> for Ucs {
    fn from(c: Rgb) -> Self {
        let view = View::new();
        let xyz = mul(&RGB_XYZ, c.linear()).map(|v| v * 100.0);
        let [r, g, b] = view.cones(xyz);
        let (ca, cb) = (r - 12.0 * g / 11.0 + b / 11.0, (r + g - 2.0 * b) / 9.0);
        let hue = cb.atan2(ca);
        let achromatic = (2.0 * r + g + b / 20.0) * view.nbb;
        let j = 100.0 * (achromatic / view.aw).max(0.0).powf(SURROUND_C * view.z);
        let t = view.p1(hue) * ca.hypot(cb) / (r + g + 1.05 * b + 0.305);
        let m = t.powf(0.9) * (j / 100.0).sqrt() * background() * view.fl.powf(0.25);
        let m = (1.0 + C2 * m).ln() / C2;
        Self { j: (1.0 + 100.0 * C1) * j / (1.0 + C1 * j), a: m * hue.cos(), b: m * hue.sin() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference values: colorspacious 1.1.2, `cspace_convert(.., "sRGB1", "CAM02-UCS")`.
    #[test]
    fn known_colours_have_their_published_coordinates() {
        let known = [
            (Rgb(0xff, 0x5a, 0x4f), [67.006_678, 31.553_133, 16.516_224]),
            (Rgb(0x80, 0x80, 0x80), [56.228_806, -1.264_835, -0.761_768]),
            (Rgb(0x0c, 0x16, 0x26), [10.920_569, -3.138_465, -10.700_604]),
        ];
        for (rgb, [j, a, b]) in known {
            let d = Ucs::from(rgb).distance(Ucs { j, a, b });
            assert!(d < 0.05, "{rgb:?} is {d} away");
        }
    }

    #[test]
    fn there_and_back_is_the_same_colour() {
        for i in 0..4096u32 {
            let c = Rgb((i % 16 * 17) as u8, (i / 16 % 16 * 17) as u8, (i / 256 * 17) as u8);
            let back = Ucs::from(c).rgb();
            let off = c.0.abs_diff(back.0).max(c.1.abs_diff(back.1)).max(c.2.abs_diff(back.2));
            assert!(off <= 1, "{c:?} came back as {back:?}");
        }
    }

    #[test]
    fn white_is_the_lightest_and_black_the_darkest() {
        assert!((Ucs::from(Rgb(255, 255, 255)).j - 100.0).abs() < 0.1);
        assert!(Ucs::from(Rgb(0, 0, 0)).j.abs() < 1e-6);
    }
}
