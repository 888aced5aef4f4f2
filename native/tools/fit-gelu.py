"""Prints native/src/gelu-table.h: the coefficients of the GELU kernels, with 40 digits behind them (needs mpmath).

gelu(x) = max(x, 0) - a h(a), with a = |x| and h(a) = erfc(a / sqrt 2) / 2, which falls from 1/2 to nothing: in pieces of equal
width around e / scale, a polynomial in d = a scale - e, from -1/2 to 1/2. Without a permute to look pieces up:
gelu(x) = x (1/2 + s P(s s)), s = x within +-clamp, P a polynomial in s s - clamp^2 / 2. Each polynomial takes the exact
values at the Chebyshev nodes of its interval. The derivative of gelu goes the same way.
"""
import mpmath as mp

mp.mp.dps = 40
CLAMP, ODD_CLAMP, SLOPE_CLAMP = mp.mpf("5.4"), mp.mpf("5.5"), mp.mpf("6")


def through_nodes(f, degree):
    nodes = [mp.cos(mp.pi * (2 * i + 1) / (2 * (degree + 1))) for i in range(degree + 1)]
    powers = mp.matrix([[u**j for j in range(degree + 1)] for u in nodes])
    return list(mp.lu_solve(powers, mp.matrix([f(u) for u in nodes])))


def numbers(values):
    """As floats; 0 for what is below the least normal one: a denormal costs an Intel CPU 150 cycles at each use."""
    return ", ".join(mp.nstr(v if abs(v) >= mp.mpf(2) ** -126 else mp.mpf(0), 9) + "f" for v in values)


def tail(a):
    return mp.erfc(a / mp.sqrt(2)) / 2


def slope(a):
    """The derivative of gelu at -a; at a it is 1 less this."""
    return tail(a) - a * mp.npdf(a)


def pieces(name, f, clamp, count, degree):
    scale = (count - mp.mpf("0.6")) / clamp
    fits = [through_nodes(lambda u: f((e + u / 2) / scale), degree) for e in range(count)]
    print(f"static const float {name}_SCALE{count} = {mp.nstr(scale, 9)}f;")
    print(f"static const float {name}{count}[{degree + 1}][{count}] = {{")
    for j in range(degree + 1):
        print(f"    {{{numbers(fit[j] * 2**j for fit in fits)}}},")
    print("};")


def odd(name, f, clamp, degree):
    """P with s P(s s) = f(s), in powers of s s - clamp^2 / 2."""
    square = clamp**2
    fit = through_nodes(lambda u: f(mp.sqrt((u + 1) / 2 * square)), degree)
    print(f"static const float {name}_CLAMP = {clamp}f;")
    print(f"static const float {name}[{degree + 1}] = {{{numbers(c * (2 / square) ** i for i, c in enumerate(fit))}}};")


print("// Written by native/tools/fit-gelu.py, which says what the numbers are.\n#pragma once")
print(f"static const float TAIL_CLAMP = {CLAMP}f, SLOPE_CLAMP = {SLOPE_CLAMP}f;")
for count, degree, slope_degree in (32, 3, 3), (8, 5, 6):
    pieces("TAIL", tail, CLAMP, count, degree)
    pieces("SLOPE", slope, SLOPE_CLAMP, count, slope_degree)
odd("ODD", lambda s: mp.erf(s / mp.sqrt(2)) / (2 * s), ODD_CLAMP, 14)
odd("ODD_SLOPE", lambda s: (mp.mpf(1) / 2 - slope(s)) / s, SLOPE_CLAMP, 17)
