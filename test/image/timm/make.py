# The eval transforms of timm 1.0.31 (create_transform, not training) on pictures whose byte i is (i * 37 + i // 5) % 256;
# for each case the shape of the result, its sum (double precision), and nine of its values.
import json, sys, torch, numpy as np
from PIL import Image
from timm.data import create_transform, resolve_data_config
cfgs=[
 dict(input_size=(3,16,16),crop_pct=0.875),
 dict(input_size=(3,15,15),crop_pct=0.9),
 dict(input_size=(3,16,16),crop_pct=1.0,crop_mode='squash'),
 dict(input_size=(3,15,16),crop_pct=0.8,crop_mode='squash',interpolation='bilinear'),
 dict(input_size=(3,16,16),crop_pct=1.0,crop_mode='border'),
 dict(input_size=(3,17,12),crop_pct=0.9,crop_mode='border',mean=(0.48145466,0.4578275,0.40821073),std=(0.26862954,0.26130258,0.27577711)),
 dict(input_size=(3,12,18),crop_pct=0.875),
 dict(input_size=(3,17,17),crop_pct=1.3),
]
cases=[]
for cfg in cfgs:
    d=resolve_data_config({},pretrained_cfg=cfg)
    t=create_transform(**d,is_training=False)
    for h,w in [(20,31),(33,13),(24,24)]:
        i=np.arange(h*w*3)
        a=((i*37+i//5)%256).astype(np.uint8).reshape(h,w,3)
        y=t(Image.fromarray(a)).permute(1,2,0).contiguous().numpy()
        f=y.reshape(-1); at=[int(k*(len(f)-1)/8) for k in range(9)]
        cases.append(dict(pretrained_cfg={k:(list(v) if isinstance(v,tuple) else v) for k,v in cfg.items()},height=h,width=w,shape=list(y.shape),sum=float(f.astype(np.float64).sum()),at=at,values=[float(f[k]) for k in at]))
json.dump(cases,open(sys.argv[1],'w'),indent=1)
print(len(cases))
