"""Prints native/src/gelu-table.h: the coefficients of the GELU kernels, with 40 digits behind them (needs mpmath).

gelu(x) = max(x, 0) - a h(a), with a = |x| and h(a) = erfc(a / sqrt 2) / 2, which falls from 1/2 to nothing: in pieces of equal
width around e / scale, a polynomial in d = a scale - e, from -1/2 to 1/2. Without a permute to look pieces up:
gelu(x) = x (1/2 + s P(s s)), s = x within +-clamp, P a polynomial in s s - clamp^2 / 2. Each polynomial takes the exact
values at the Chebyshev nodes of its interval.
"""
import mpmath as mp

mp.mp.dps = 40
CLAMP, ODD_CLAMP, ODD_DEGREE = mp.mpf("5.4"), mp.mpf("5.5"), 14


def through_nodes(f, degree):
    nodes = [mp.cos(mp.pi * (2 * i + 1) / (2 * (degree + 1))) for i in range(degree + 1)]
    powers = mp.matrix([[u**j for j in range(degree + 1)] for u in nodes])
    return list(mp.lu_solve(powers, mp.matrix([f(u) for u in nodes])))


def numbers(values):
    return ", ".join(mp.nstr(v, 9) + "f" for v in values)


def pieces(count, degree):
    scale = (count - mp.mpf("0.6")) / CLAMP
    fits = [through_nodes(lambda u: mp.erfc((e + u / 2) / scale / mp.sqrt(2)) / 2, degree) for e in range(count)]
    print(f"// {count} pieces of degree {degree}\nstatic const float SCALE{count} = {mp.nstr(scale, 9)}f;")
    print(f"static const float PIECES{count}[{degree + 1}][{count}] = {{")
    for j in range(degree + 1):
        print(f"    {{{numbers(fit[j] * 2**j for fit in fits)}}},")
    print("};")


def odd():
    square = ODD_CLAMP**2
    values = lambda s: mp.mpf(1) / mp.sqrt(2 * mp.pi) if s < 1e-12 else mp.erf(s / mp.sqrt(2)) / (2 * s)
    fit = through_nodes(lambda u: values(mp.sqrt((u + 1) / 2 * square)), ODD_DEGREE)
    print(f"static const float ODD_CLAMP = {ODD_CLAMP}f;")
    print(f"static const float ODD[{ODD_DEGREE + 1}] = {{{numbers(c * (2 / square) ** i for i, c in enumerate(fit))}}};")


print("// Written by native/tools/fit-gelu.py, which says what the numbers are.\n#pragma once")
print(f"static const float CLAMP = {CLAMP}f;")
pieces(32, 3)
pieces(16, 4)
odd()
