{
  "variables": {
    "flags": ["-O3", "-std=c++17", "-fPIC", "-Wall", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden"]
  },
  "target_defaults": {
    "cflags_cc!": ["-fno-rtti", "-fno-exceptions", "-std=gnu++17", "-std=gnu++20", "-O2"],
    "cflags_cc": ["<@(flags)"],
    "xcode_settings": { "OTHER_CPLUSPLUSFLAGS": ["<@(flags)"] },
    "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": ["/clang:-O3", "/std:c++17", "/clang:-ffp-contract=fast", "/clang:-fno-math-errno"] } },
    "msbuild_toolset": "ClangCL"
  },
  "conditions": [
    ["target_arch == 'x64'", {
      "variables": { "isas": ["kernels_avx512", "kernels_avx2", "kernels_baseline"] },
      "targets": [
        {
          "target_name": "kernels_avx512", "type": "static_library", "sources": ["src/kernels.cc"],
          "defines": ["LANES=16", "ISA=KERNELS_AVX512", "ISA_NAME=\"avx512\""],
          "cflags_cc": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
          "xcode_settings": { "OTHER_CPLUSPLUSFLAGS": ["-march=x86-64-v4", "-mprefer-vector-width=512"] },
          "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": ["/clang:-march=x86-64-v4", "/clang:-mprefer-vector-width=512"] } }
        },
        {
          "target_name": "kernels_avx2", "type": "static_library", "sources": ["src/kernels.cc"],
          "defines": ["LANES=8", "ISA=KERNELS_AVX2", "ISA_NAME=\"avx2\""],
          "cflags_cc": ["-march=x86-64-v3"],
          "xcode_settings": { "OTHER_CPLUSPLUSFLAGS": ["-march=x86-64-v3"] },
          "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": ["/clang:-march=x86-64-v3"] } }
        }
      ]
    }]
  ],
  "targets": [
    {
      "target_name": "kernels_baseline", "type": "static_library", "sources": ["src/kernels.cc"],
      "defines": ["LANES=4", "ISA=KERNELS_BASELINE", "ISA_NAME=\"baseline\""]
    },
    {
      "target_name": "convnextv2",
      "sources": ["src/addon.cc", "src/addon-arithmetic.cc", "src/addon-training.cc", "src/dispatch.cc", "src/memory.cc", "src/pool.cc"],
      "dependencies": ["kernels_baseline"],
      "libraries": ["-lpthread"],
      "conditions": [["target_arch == 'x64'", { "dependencies": ["kernels_avx512", "kernels_avx2"] }]]
    }
  ]
}
